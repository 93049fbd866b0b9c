import { ChannelRegistry } from '@carillon/notification-channels';
import { Get, Query } from '@nestjs/common';
import { Database } from '../../platform/database/index.js';
import { AdminController, CurrentPrincipal, notFound, type Principal } from '../../platform/http/index.js';
import { readWithinReach } from '../../platform/reach/index.js';
import { MailboxPageDto, MailboxQuery } from './mailbox.dto.js';
import { SandboxMailbox } from './sandbox-mailbox.js';

@AdminController('mailbox')
export class MailboxController {
  constructor(
    private readonly database: Database,
    private readonly registry: ChannelRegistry,
    private readonly mailbox: SandboxMailbox,
  ) {}

  /** What the sandbox kept instead of sending, newest first. Production has no sandbox and no mailbox. */
  @Get()
  async list(@CurrentPrincipal() principal: Principal, @Query() query: MailboxQuery): Promise<MailboxPageDto> {
    if (!this.registry.provider('email', 'sandbox')) throw notFound('mailbox');
    return readWithinReach(this.database, principal, (tx) => this.mailbox.page(tx, query));
  }
}
