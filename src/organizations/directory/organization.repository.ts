import { Injectable } from '@nestjs/common';
import { rowsOf, type Transaction } from '../../platform/database/index.js';
import { boundedCount, totalOf } from '../../platform/http/index.js';
import { Organization } from './organization.entity.js';
import type { OrganizationDto, OrganizationPageDto, OrganizationQuery } from './organization.dto.js';

const columns = `id, name, slug, created_at as "createdAt", updated_at as "updatedAt"`;
const matching = `from organizations where ($1::text is null or position(lower($1) in lower(name || ' ' || slug)) > 0)`;

@Injectable()
export class OrganizationRepository {
  async page(tx: Transaction, { q, skip, limit }: OrganizationQuery): Promise<OrganizationPageDto> {
    const organizations = await rowsOf<OrganizationDto>(
      tx,
      `select ${columns} ${matching} order by lower(name), id offset $2 limit $3`,
      [q ?? null, skip, limit],
    );
    const [count] = await rowsOf<{ counted: number }>(tx, boundedCount(`select id ${matching}`), [q ?? null]);
    return { organizations, ...totalOf(count!.counted) };
  }

  async find(tx: Transaction, id: string): Promise<OrganizationDto | undefined> {
    return (await rowsOf<OrganizationDto>(tx, `select ${columns} from organizations where id = $1`, [id]))[0];
  }

  async insert(tx: Transaction, organization: Pick<Organization, 'id' | 'name' | 'slug'>): Promise<void> {
    await tx.getRepository(Organization).insert(organization);
  }

  /** Answers the changed row, or undefined where there is none; what is not given stays. */
  async change(
    tx: Transaction,
    id: string,
    { name, slug }: { name?: string; slug?: string },
  ): Promise<OrganizationDto | undefined> {
    const rows = await rowsOf<OrganizationDto>(
      tx,
      `update organizations set name = coalesce($2, name), slug = coalesce($3, slug), version = version + 1, updated_at = carillon_now()
       where id = $1 returning ${columns}`,
      [id, name ?? null, slug ?? null],
    );
    return rows[0];
  }
}
