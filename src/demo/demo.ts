import { Injectable, Logger } from '@nestjs/common';
import { Readable } from 'node:stream';
import { ImportIntake } from '../imports/index.js';
import { OrganizationService, UserService } from '../organizations/index.js';
import { Database, rowsOf } from '../platform/database/index.js';
import type { Principal } from '../platform/http/index.js';
import { sampleEmployees } from './sample-employees.js';

/** The audit log's origin of what no request has asked for. */
const nobodysRequest = { address: 'this process', traceId: 'demo' };

/** Something to look at on a first start: an organisation, a person in it, and an import that really runs. */
@Injectable()
export class Demo {
  private readonly log = new Logger(Demo.name);

  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationService,
    private readonly users: UserService,
    private readonly intake: ImportIntake,
  ) {}

  /** Only where nobody but the administrator has moved in; by the same ways as a person would take. */
  async fillWhenEmpty(): Promise<void> {
    const administrator = await this.loneAdministrator();
    if (!administrator) return;
    const bakery = await this.organizations.create(
      administrator,
      { name: 'Lindenhof Bakery', slug: 'lindenhof' },
      nobodysRequest,
    );
    const olivia = await this.users.create(
      { ...administrator, organizationId: bakery.id, allOrganizations: false },
      { email: 'olivia@lindenhof.example', name: 'Olivia Brandt', role: 'OrgAdmin' },
      nobodysRequest,
    );
    const staff = { organizationId: bakery.id, userId: olivia.id, fileName: 'staff.csv', contentType: 'text/csv' };
    const job = await this.intake.accept(staff, Readable.from([sampleEmployees()]));
    this.log.log(`made the demo organisation ${bakery.name} (${bakery.id}) and its import ${job.id}`);
  }

  /** Who acts for the demo; nobody where there are organisations besides the platform's own. */
  private async loneAdministrator(): Promise<Principal | undefined> {
    const [first, ...others] = await this.database.acrossOrganizations((tx) =>
      rowsOf<{ id: string; email: string; organizationId: string }>(
        tx,
        `select u.id, u.email, o.id "organizationId"
           from organizations o left join memberships m on m.organization_id = o.id left join users u on u.id = m.user_id
          limit 2`,
      ),
    );
    if (!first?.id || others.length > 0) return undefined;
    return { kind: 'user', role: 'SystemAdmin', scopes: [], sessionId: null, allOrganizations: true, ...first };
  }
}
