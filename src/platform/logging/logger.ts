import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, pino, type Logger as Pino, type LoggerOptions } from 'pino';
import type { Config } from '../config/index.js';
import { describeError, withoutSecrets, withoutSecretShapes } from './redaction.js';

/** One JSON object a line on standard output (or to `destination`); pino escapes control characters. */
export function createLogger(config: Pick<Config, 'logLevel'>, destination?: DestinationStream): Pino {
  const options: LoggerOptions = {
    level: config.logLevel,
    formatters: { log: (line) => withoutSecrets(line) },
    serializers: { err: describeError },
    hooks: { streamWrite: withoutSecretShapes },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Nest tells of every route and module it sets up: hundreds of lines that nobody reads at each start. */
const chatty = new Set(['InstanceLoader', 'RouterExplorer', 'RoutesResolver']);

/** Nest's own messages, and those of `Logger` in the features, through pino. */
export class NestLogger implements LoggerService {
  constructor(private readonly to: Pino) {}

  log = (message: unknown, ...rest: unknown[]) =>
    this.write(chatty.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  error = (message: unknown, ...rest: unknown[]) => this.write('error', message, rest);
  warn = (message: unknown, ...rest: unknown[]) => this.write('warn', message, rest);
  debug = (message: unknown, ...rest: unknown[]) => this.write('debug', message, rest);
  verbose = (message: unknown, ...rest: unknown[]) => this.write('trace', message, rest);
  fatal = (message: unknown, ...rest: unknown[]) => this.write('fatal', message, rest);

  /** Nest passes the context last, an error's stack before it. */
  private write(
    level: 'info' | 'error' | 'warn' | 'debug' | 'trace' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
    const error = message instanceof Error ? message : rest.find((part) => part instanceof Error);
    const text = message instanceof Error ? message.message : message;
    if (typeof text === 'object' && text !== null) this.to[level]({ context, ...text });
    else this.to[level]({ context, ...(stack && { stack }), ...(error && { err: error }) }, String(text));
  }
}
