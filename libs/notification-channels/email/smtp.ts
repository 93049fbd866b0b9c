import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import { z } from 'zod';
import { type Provider, refuseIfAborted } from '../provider.js';
import type { EmailMessage } from './email-channel.js';
import { classifySmtp, type SmtpError } from './smtp-failure.js';

const seconds = (value: number) =>
  z
    .number()
    .int()
    .min(50)
    .max(600_000)
    .default(value * 1_000);
const line = (name: string, max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, `${name} must be one line`);

/**
 * `security`: `tls` from the first byte; `starttls` required and verified; `opportunistic` takes STARTTLS where it is offered and
 * verifies nothing (RFC 7435); `none`. Without it: `tls` on port 465, `starttls` where a password would travel to another machine,
 * else `opportunistic`.
 */
export const smtpSettings = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[A-Za-z0-9.:_-]+$/, 'host must be a host name or an address'),
    port: z.number().int().min(1).max(65_535).default(587),
    security: z.enum(['tls', 'starttls', 'opportunistic', 'none']).optional(),
    username: line('username', 320).optional(),
    password: line('password', 1_024).optional(),
    connectionTimeoutMs: seconds(10),
    greetingTimeoutMs: seconds(10),
    /** nodemailer's own default is ten minutes, for which a worker's slot would be gone. */
    socketTimeoutMs: seconds(30),
  })
  .refine((v) => Boolean(v.username) || !v.password, { path: ['username'], message: 'a password needs a username' });
export type SmtpSettings = z.output<typeof smtpSettings>;

/** Reads `smtp://user:password@host:port?security=…`; `smtps:` means TLS from the first byte. */
export function smtpSettingsFromUrl(text: string): z.input<typeof smtpSettings> {
  const url = new URL(text);
  const security = url.searchParams.get('security') ?? (url.protocol === 'smtps:' ? 'tls' : undefined);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port ? Number(url.port) : url.protocol === 'smtps:' ? 465 : 587,
    ...(security && { security: security as SmtpSettings['security'] }),
    ...(url.username && { username: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
  };
}

/** So many servers keep their connections open at once; one more closes the one that was used longest ago. */
const maxPools = 50;

/** Mail over SMTP, on kept connections. One for a process: it owns the pools. */
export function createSmtp(): Provider<SmtpSettings, EmailMessage> {
  const pools = new Map<string, Transport>();
  return {
    channel: 'email',
    name: 'smtp',
    settings: smtpSettings,
    secretFields: ['password'],
    limits: { maxBytes: 10_000_000 },
    async send(message, settings, { signal }) {
      refuseIfAborted(signal);
      const transport = poolFor(settings, pools);
      const body: Body = {};
      try {
        const { from, to, replyTo, subject, text, html, messageId, headers } = message;
        const mail = { from, to: { name: '', address: to }, replyTo, subject, text, html, messageId, headers, signal };
        await transport.sendMail(Object.assign(mail, { body }));
        return { messageId };
      } catch (error) {
        throw Object.assign(error as SmtpError, { bodyStarted: body.stream?.readableDidRead === true });
      }
    },
    classify: classifySmtp,
    async verify(settings) {
      await poolFor(settings, pools).verify();
    },
    async close() {
      for (const transport of pools.values()) transport.close();
      pools.clear();
    },
  };
}

/** Where our plugin leaves the stream of the body: read from, it tells that the body was on its way. */
interface Body {
  stream?: NodeJS.ReadableStream & { readableDidRead?: boolean };
}
type Transport = ReturnType<typeof openPool>;

function poolFor(settings: SmtpSettings, pools: Map<string, Transport>): Transport {
  const key = createHash('sha256').update(JSON.stringify(settings)).digest('base64');
  const pool = pools.get(key) ?? openPool(settings);
  pools.delete(key);
  pools.set(key, pool); // a Map keeps the order: the first is the one used longest ago
  if (pools.size > maxPools) {
    const [oldest, transport] = pools.entries().next().value!;
    pools.delete(oldest);
    transport.close();
  }
  return pool;
}

function openPool(settings: SmtpSettings) {
  const security = settings.security ?? usualSecurity(settings);
  const transport = createTransport({
    pool: true,
    host: settings.host,
    port: settings.port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { rejectUnauthorized: security !== 'opportunistic' },
    ...(settings.username && { auth: { user: settings.username, pass: settings.password ?? '' } }),
    maxConnections: 5,
    // once more over a fresh connection, where a kept one had been dropped before a byte of the message was read
    maxRequeues: 1,
    connectionTimeout: settings.connectionTimeoutMs,
    greetingTimeout: settings.greetingTimeoutMs,
    socketTimeout: settings.socketTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  transport.use('stream', (mail, done) => {
    const body = (mail.data as { body?: Body }).body;
    const create = mail.message.createReadStream.bind(mail.message);
    mail.message.createReadStream = (options) => {
      const stream = create(options);
      if (body) body.stream = stream;
      return stream;
    };
    done();
  });
  transport.on('error', () => undefined); // each failure reaches the send that it concerns
  return transport;
}

function usualSecurity({ host, port, username }: SmtpSettings): NonNullable<SmtpSettings['security']> {
  if (port === 465) return 'tls';
  const sameMachine = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
  return username && !sameMachine ? 'starttls' : 'opportunistic';
}
