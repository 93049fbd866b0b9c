import { Body, HttpCode, Param, Post } from '@nestjs/common';
import { CallOrigin, type Origin } from '../../platform/audit/index.js';
import { AdminController, CurrentPrincipal, notFound, type Principal, RateLimit } from '../../platform/http/index.js';
import { isChannelName } from '../channels/channel-names.js';
import { TestChannelDto, TestEmailDto, TestMessageDto, TestSmsDto } from './test-message.dto.js';
import { TestMessages } from './test-messages.service.js';

/** Each answers 200 whether the message left or not: `success` tells, and `error` has the provider's own words. */
@AdminController('notification-settings')
export class TestMessagesController {
  constructor(private readonly tests: TestMessages) {}

  /** Sends a test message by email. */
  @Post('test-email')
  @HttpCode(200)
  @RateLimit('testSend')
  email(
    @CurrentPrincipal() principal: Principal,
    @Body() { email }: TestEmailDto,
    @CallOrigin() origin: Origin,
  ): Promise<TestMessageDto> {
    return this.tests.send(principal, 'email', email, origin);
  }

  /** Sends a test message by SMS. */
  @Post('test-sms')
  @HttpCode(200)
  @RateLimit('testSend')
  sms(
    @CurrentPrincipal() principal: Principal,
    @Body() { phoneNumber }: TestSmsDto,
    @CallOrigin() origin: Origin,
  ): Promise<TestMessageDto> {
    return this.tests.send(principal, 'sms', phoneNumber, origin);
  }

  /** Posts a test message to Slack. */
  @Post('test-slack')
  @HttpCode(200)
  @RateLimit('testSend')
  slack(@CurrentPrincipal() principal: Principal, @CallOrigin() origin: Origin): Promise<TestMessageDto> {
    return this.tests.send(principal, 'slack', undefined, origin);
  }

  /** Sends a test message by any channel. */
  @Post('test/:channel')
  @HttpCode(200)
  @RateLimit('testSend')
  any(
    @CurrentPrincipal() principal: Principal,
    @Param('channel') channel: string,
    @Body() { to }: TestChannelDto,
    @CallOrigin() origin: Origin,
  ): Promise<TestMessageDto> {
    if (!isChannelName(channel)) throw notFound('channel');
    return this.tests.send(principal, channel, to, origin);
  }
}
