import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { hashPassword, oneTimePassword } from '../../organizations/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { Database, rowsOf } from '../../platform/database/index.js';
import { PROCESS_ROLES, type ProcessRoles } from '../../platform/platform.module.js';

/**
 * Where there is no SystemAdmin yet, makes one, and the platform's own organisation for it. Safe to run in several
 * processes at once: an advisory lock lets one of them do it, and only that one tells the password.
 */
@Injectable()
export class FirstAdministrator implements OnApplicationBootstrap {
  private readonly log = new Logger(FirstAdministrator.name);

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(PROCESS_ROLES) private readonly roles: ProcessRoles,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.roles.api || (await this.exists())) return;
    const { email, password } = this.config.administrator;
    const chosen = password ?? oneTimePassword();
    if (!(await this.create(email, await hashPassword(chosen)))) return;
    this.log.log(`made the administrator ${email}`);
    // not through the log, which is collected and kept: this is for the person at the terminal, once
    if (password === undefined) process.stdout.write(framed(email, chosen));
  }

  private exists(): Promise<boolean> {
    return this.database.withoutOrganization(async (tx) => {
      const [row] = await rowsOf<{ exists: boolean }>(tx, `select carillon_has_administrator() as exists`);
      return row!.exists;
    });
  }

  private create(email: string, passwordHash: string): Promise<boolean> {
    return this.database.withoutOrganization(async (tx) => {
      const [row] = await rowsOf<{ created: boolean }>(
        tx,
        `select carillon_create_first_administrator($1, $2, $3, $4, $5) as created`,
        [uuidv7(), uuidv7(), email, 'Administrator', passwordHash],
      );
      return row!.created;
    });
  }
}

function framed(email: string, password: string): string {
  const lines = [
    'Carillon has made an administrator. The password is shown this once: change it after signing in.',
    `  email     ${email}`,
    `  password  ${password}`,
  ];
  const width = Math.max(...lines.map((line) => line.length));
  const rule = '─'.repeat(width + 2);
  return ['', `┌${rule}┐`, ...lines.map((line) => `│ ${line.padEnd(width)} │`), `└${rule}┘`, ''].join('\n') + '\n';
}
