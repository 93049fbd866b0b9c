import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { type Origin, recordAudit } from '../../platform/audit/index.js';
import { Database } from '../../platform/database/index.js';
import { conflict, notFound, type Principal } from '../../platform/http/index.js';
import { brokenConstraint } from '../constraint.js';
import type {
  ChangeOrganizationDto,
  CreateOrganizationDto,
  OrganizationDto,
  OrganizationPageDto,
  OrganizationQuery,
} from './organization.dto.js';
import { OrganizationRepository } from './organization.repository.js';
import { slugOf } from './slug.js';

/** The organisations of the installation; a matter of the platform, so what is named in `X-Organization-Id` plays no part. */
@Injectable()
export class OrganizationService {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationRepository,
  ) {}

  list(query: OrganizationQuery): Promise<OrganizationPageDto> {
    return this.database.acrossOrganizations((tx) => this.organizations.page(tx, query));
  }

  async get(id: string): Promise<OrganizationDto> {
    const found = await this.database.acrossOrganizations((tx) => this.organizations.find(tx, id));
    if (!found) throw notFound('organisation');
    return found;
  }

  create(principal: Principal, { name, slug }: CreateOrganizationDto, origin: Origin): Promise<OrganizationDto> {
    const id = uuidv7();
    const row = { id, name, slug: slug ?? slugOf(name) };
    return refusingTakenSlugs(row.slug, () =>
      this.database.withOrganization(id, async (tx) => {
        await this.organizations.insert(tx, row);
        await recordAudit(tx, principal, id, {
          ...entry('organization.created', id, { name, slug: row.slug }),
          ...origin,
        });
        return (await this.organizations.find(tx, id))!;
      }),
    );
  }

  change(principal: Principal, id: string, changes: ChangeOrganizationDto, origin: Origin): Promise<OrganizationDto> {
    return refusingTakenSlugs(changes.slug, () =>
      this.database.withOrganization(id, async (tx) => {
        const changed = await this.organizations.change(tx, id, changes);
        if (!changed) throw notFound('organisation');
        await recordAudit(tx, principal, id, { ...entry('organization.changed', id, { ...changes }), ...origin });
        return changed;
      }),
    );
  }
}

const entry = (action: string, targetId: string, details: Record<string, unknown>) => ({
  action,
  targetType: 'organization',
  targetId,
  details,
});

async function refusingTakenSlugs<T>(slug: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (brokenConstraint(error) !== 'organizations_slug_unique') throw error;
    throw conflict('slug_taken', `Another organisation has the slug "${slug}": choose a different one.`);
  }
}
