import { Body, Delete, Get, HttpCode, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { AdminController, CurrentPrincipal, Idempotent, type Principal, UuidParam } from '../../platform/http/index.js';
import {
  ChangeUserDto,
  CreateUserDto,
  ResetPasswordDto,
  UserDto,
  UserPageDto,
  UserQuery,
  UserWithPasswordDto,
} from './user.dto.js';
import { UserService } from './user.service.js';

@AdminController('users')
export class UserController {
  constructor(private readonly users: UserService) {}

  /** People by email, a row for each organisation that a person belongs to. */
  @Get()
  list(@CurrentPrincipal() principal: Principal, @Query() query: UserQuery): Promise<UserPageDto> {
    return this.users.list(principal, query);
  }

  /** One person. */
  @Get(':userId')
  get(@CurrentPrincipal() principal: Principal, @UuidParam('userId', 'user') id: string): Promise<UserDto> {
    return this.users.get(principal, id);
  }

  /** Adds a person to the organisation, with a new account or an existing one. */
  @Post()
  @Idempotent({ store: 'nothing' })
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body() body: CreateUserDto,
    @CallOrigin() origin: Origin,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UserWithPasswordDto> {
    const made = await this.users.create(principal, body, origin);
    void reply.header('Location', `${reply.request.routeOptions.url}/${made.id}`);
    return made;
  }

  /** Changes role, name or phone, disables or enables. Acts on running sessions within half a minute. */
  @Patch(':userId')
  change(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('userId', 'user') id: string,
    @Body() body: ChangeUserDto,
    @CallOrigin() origin: Origin,
  ): Promise<UserDto> {
    return this.users.change(principal, id, body, origin);
  }

  /** Sets the given password, or a one-time password that is answered this once. Ends the person's sessions. */
  @Post(':userId/reset-password')
  @HttpCode(200)
  resetPassword(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('userId', 'user') id: string,
    @Body() body: ResetPasswordDto,
    @CallOrigin() origin: Origin,
  ): Promise<UserWithPasswordDto> {
    return this.users.resetPassword(principal, id, body, origin);
  }

  /** Takes the person out of the organisation. */
  @Delete(':userId')
  @HttpCode(204)
  remove(
    @CurrentPrincipal() principal: Principal,
    @UuidParam('userId', 'user') id: string,
    @CallOrigin() origin: Origin,
  ): Promise<void> {
    return this.users.remove(principal, id, origin);
  }
}
