import type { Channel } from './channel.js';
import type { Provider } from './provider.js';

/** Two of the same name, or a member that is missing: the boot stops with this, which names it. */
export class RegistryError extends Error {}

/** Which channels there are and who carries them; made once, at boot. */
export class ChannelRegistry {
  private readonly channels = new Map<string, Channel>();
  private readonly providers = new Map<string, Provider>();

  /** @throws RegistryError */
  constructor(channels: readonly Channel[], providers: readonly Provider[]) {
    for (const channel of channels) add(this.channels, channel.name, channel, 'channel', ['name', 'render']);
    for (const provider of providers) {
      const key = `${provider.channel}/${provider.name}`;
      add(this.providers, key, provider, 'provider', providerMembers);
      if (!this.channels.has(provider.channel))
        throw new RegistryError(`provider ${key} is for the channel "${provider.channel}", which is not registered`);
    }
  }

  channel(name: string): Channel | undefined {
    return this.channels.get(name);
  }

  provider(channel: string, name: string): Provider | undefined {
    return this.providers.get(`${channel}/${name}`);
  }

  channelNames(): string[] {
    return [...this.channels.keys()];
  }

  providersOf(channel: string): Provider[] {
    return [...this.providers.values()].filter((provider) => provider.channel === channel);
  }

  async close(): Promise<void> {
    await Promise.all([...this.providers.values()].map(async (provider) => provider.close?.()));
  }
}

const providerMembers = ['channel', 'name', 'settings', 'secretFields', 'limits', 'send', 'classify'] as const;

function add<T extends object>(
  to: Map<string, T>,
  key: string,
  item: T,
  kind: string,
  members: readonly string[],
): void {
  const missing = members.filter((member) => (item as Record<string, unknown>)[member] === undefined);
  if (missing.length > 0) throw new RegistryError(`${kind} ${key} lacks ${missing.join(', ')}`);
  if (to.has(key)) throw new RegistryError(`${kind} ${key} is registered twice: keep one`);
  to.set(key, item);
}
