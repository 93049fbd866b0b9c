import { Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import {
  type FinishHook,
  type HandlerDefaults,
  type Job,
  type RegisteredHandler,
  type TypeLimits,
} from '@carillon/job-engine';
import { checkPayload } from './check-payload.js';
import { jobFinishHookMetadata } from './job-finish-hook.js';
import { jobHandlerMetadata, type JobHandlerOptions } from './job-handler.js';

export interface JobType extends HandlerDefaults {
  type: string;
}

type Declared = JobHandlerOptions & { type: string };

/** Every job type of the application: who handles it, what it takes, what it asks for. Complete once modules are initialised. */
@Injectable()
export class JobTypes implements OnModuleInit {
  private handlers: Map<string, RegisteredHandler> | undefined;

  constructor(private readonly discovery: DiscoveryService) {}

  /** @throws when two handlers answer to one type, or a handler cannot be one; the message names them */
  onModuleInit(): void {
    this.handlers = this.discover();
  }

  has(type: string): boolean {
    return this.known.has(type);
  }

  defaults(type: string): HandlerDefaults | undefined {
    return this.known.get(type);
  }

  isInternal(type: string): boolean {
    return this.known.get(type)?.internal ?? false;
  }

  /** Only a SystemAdmin may ask for it over HTTP. */
  isSystemOnly(type: string): boolean {
    return this.known.get(type)?.systemOnly ?? false;
  }

  /** What handlers declare, by type. */
  limits(): ReadonlyMap<string, TypeLimits> {
    return new Map(this.list().flatMap(({ type, limits }) => (limits ? [[type, limits] as const] : [])));
  }

  handler(type: string): RegisteredHandler | undefined {
    return this.known.get(type);
  }

  /** Types under their own names, aliases within; sorted. */
  list(): JobType[] {
    return [...new Set(this.known.values())].map(described).sort((a, b) => a.type.localeCompare(b.type));
  }

  /**
   * Answers the payload as an instance of its class.
   * @throws InvalidPayload with JSON pointers, UnknownJobType
   */
  async checkPayload(type: string, raw: unknown): Promise<unknown> {
    const handler = this.known.get(type);
    if (!handler) throw new UnknownJobType(type);
    return handler.checkPayload(raw);
  }

  finishHooks(): FinishHook[] {
    return this.providers()
      .filter(({ metatype }) => Reflect.getMetadata(jobFinishHookMetadata, metatype) === true)
      .map(({ instance }) => instance as FinishHook);
  }

  private get known(): Map<string, RegisteredHandler> {
    return (this.handlers ??= this.discover());
  }

  private discover(): Map<string, RegisteredHandler> {
    const handlers = new Map<string, RegisteredHandler>();
    const classes = new Map<string, string>();
    for (const { metatype, instance } of this.providers()) {
      const declared = Reflect.getMetadata(jobHandlerMetadata, metatype) as Declared | undefined;
      if (!declared) continue;
      const handler = registered(declared, metatype, instance as Partial<Job> | null);
      for (const type of [declared.type, ...(declared.aliases ?? [])]) {
        const other = classes.get(type);
        if (other) throw new Error(`job type "${type}" has two handlers: ${other} and ${metatype.name}; one has to go`);
        classes.set(type, metatype.name);
        handlers.set(type, handler);
      }
    }
    return handlers;
  }

  /** Each instance once: a provider that two modules export is found in both. */
  private providers(): { metatype: Type; instance: unknown }[] {
    const found = new Map<unknown, { metatype: Type; instance: unknown }>();
    for (const { metatype, instance } of this.discovery.getProviders())
      if (typeof metatype === 'function' && metatype.prototype)
        found.set(instance ?? metatype, { metatype: metatype as Type, instance });
    return [...found.values()];
  }
}

export class UnknownJobType extends Error {
  constructor(readonly type: string) {
    super(`there is no job type "${type}"`);
  }
}

const described = (handler: RegisteredHandler): JobType => ({
  type: handler.type,
  queue: handler.queue,
  maxRetries: handler.maxRetries,
  timeoutSeconds: handler.timeoutSeconds,
  priority: handler.priority,
  backoff: handler.backoff,
  aliases: handler.aliases,
  internal: handler.internal,
  systemOnly: handler.systemOnly,
  limits: handler.limits,
});

function registered({ payload, ...declared }: Declared, metatype: Type, job: Partial<Job> | null): RegisteredHandler {
  if (typeof job?.run !== 'function')
    throw new Error(
      `${metatype.name} handles job type "${declared.type}" but has no run method, or is not a singleton`,
    );
  return {
    ...declared,
    async checkPayload(raw) {
      const checked = await checkPayload(payload, raw);
      await job.checkPayload?.(checked);
      return checked;
    },
    run: (value, ctx) => job.run!(value, ctx),
  };
}
