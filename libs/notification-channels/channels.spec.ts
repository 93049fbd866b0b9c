import fc from 'fast-check';
import { type Content, type Envelope, MessageRefused } from './channel.js';
import { email } from './email/email-channel.js';
import { smtpSettings, smtpSettingsFromUrl } from './email/smtp.js';
import type { Provider } from './provider.js';
import { retryAfterMs } from './provider.js';
import { ChannelRegistry } from './registry.js';
import { slack } from './slack/slack-channel.js';
import { slackWebhook } from './slack/slack-webhook.js';
import { sms } from './sms/sms-channel.js';
import { twilioSms } from './sms/twilio.js';

const content: Content = { subject: 'Done', paragraphs: ['All is well'] };
const envelope: Envelope = { deliveryId: 'd1', to: 'nina@example.com', from: 'us@example.com', domain: 'example.com' };

describe('email', () => {
  it.each([
    ['the subject', { ...content, subject: 'Hi\r\nBcc: all@example.com' }, {}],
    ['the sender', content, { from: 'us@example.com\nX: y' }],
    ['the name of the sender', content, { fromName: 'Us\rBcc: a@b' }],
    ['the recipient', content, { to: 'a@example.com\n, b@example.com' }],
    ['two recipients', content, { to: 'a@example.com,b@example.com' }],
    ['a name around the address', content, { to: 'A <a@example.com>' }],
    ['the reply address', content, { replyTo: 'x@example.com\u2028' }],
    ['a script as link', { ...content, link: { label: 'x', url: 'javascript:alert(1)' } }, {}],
    ['no sender', content, { from: '' }],
  ])('refuses %s that would break out of its place', (_, what, change) => {
    expect(() => email.render(what, { ...envelope, ...change })).toThrow(MessageRefused);
  });

  it('never lets a text become markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ';', '\n') }), (text) => {
        const { html } = email.render({ ...content, paragraphs: [text] }, envelope);
        const inside = /<p>([\s\S]*)<\/p>/.exec(html)![1]!.replaceAll('<br>', '');
        return !/[<>"']/.test(inside) && !/&(?!(?:amp|lt|gt|quot|#39);)/.test(inside);
      }),
    );
  });
});

describe('slack', () => {
  it('leaves no bracket of a user standing', () => {
    const message = slack.render(
      {
        subject: 'Hey <!channel>',
        paragraphs: ['<https://evil.example|your bank> & <@U1>'],
        link: { label: 'a|b>', url: 'https://x.example/?q=<|>' },
      },
      { ...envelope, to: '#ops' },
    );
    expect(message.text).toBe('Hey &lt;!channel&gt;');
    expect(message.blocks[1]!.text.text).toBe('&lt;https://evil.example|your bank&gt; &amp; &lt;@U1&gt;');
    expect(message.blocks[2]!.text.text).toBe('<https://x.example/?q=%3C%7C%3E|a/b&gt;>');
    expect(message.blocks[0]).toEqual({ type: 'header', text: { type: 'plain_text', text: 'Hey <!channel>' } });
  });
});

describe('sms', () => {
  it('says it in one line with the link at its end, however long the rest is', () => {
    const link = { label: 'See', url: 'https://x.example/j/1' };
    const { text } = sms.render(
      { subject: 'A\u0007', paragraphs: ['b'.repeat(5_000)], link },
      { ...envelope, to: '+4915112345678' },
    );
    expect(text).toHaveLength(1_600);
    expect(text.startsWith('A  – bbb')).toBe(true);
    expect(text.endsWith('… https://x.example/j/1')).toBe(true);
  });
  it.each(['015112345678', '+0151', '+49 151 1234', '+49151123456789012', ''])('refuses the number %p', (to) => {
    expect(() => sms.render(content, { ...envelope, to })).toThrow(MessageRefused);
  });
});

describe('smtp settings', () => {
  it.each([
    ['smtp://mail.example.com', { host: 'mail.example.com', port: 587 }],
    [
      'smtps://u:p%40ss@mail.example.com',
      { host: 'mail.example.com', port: 465, security: 'tls', username: 'u', password: 'p@ss' },
    ],
    ['smtp://[::1]:1025?security=none', { host: '::1', port: 1025, security: 'none' }],
  ])('reads %s', (url, expected) => {
    expect(smtpSettingsFromUrl(url)).toEqual(expected);
    expect(smtpSettings.parse(smtpSettingsFromUrl(url))).toMatchObject(expected);
  });
});

describe('ChannelRegistry', () => {
  const channels = [email, sms, slack];
  it('finds what it was given', () => {
    const registry = new ChannelRegistry(channels, [twilioSms, slackWebhook]);
    expect(registry.provider('sms', 'twilio')).toBe(twilioSms);
    expect(registry.provider('sms', 'webhook')).toBeUndefined();
    expect(registry.providersOf('slack')).toEqual([slackWebhook]);
    expect(registry.channelNames()).toEqual(['email', 'sms', 'slack']);
  });
  it.each<[string, () => unknown, RegExp]>([
    [
      'a second provider of a name',
      () => new ChannelRegistry(channels, [twilioSms, twilioSms]),
      /provider sms\/twilio is registered twice/,
    ],
    ['a second channel of a name', () => new ChannelRegistry([email, email], []), /channel email is registered twice/],
    [
      'a provider without its channel',
      () => new ChannelRegistry([email], [twilioSms]),
      /sms\/twilio.*"sms", which is not registered/,
    ],
    [
      'a provider that lacks a member',
      () => new ChannelRegistry(channels, [{ ...twilioSms, classify: undefined } as unknown as Provider]),
      /sms\/twilio lacks classify/,
    ],
  ])('refuses %s, by name', (_, make, words) => {
    expect(make).toThrow(words);
  });
});

describe('retryAfterMs', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ['7', 7_000],
    [new Date(now + 5_000).toUTCString(), 5_000],
    [new Date(now - 5_000).toUTCString(), 0],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %p', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected);
  });
});
