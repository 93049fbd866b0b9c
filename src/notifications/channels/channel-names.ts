import type { ChannelName } from '@carillon/delivery-policy';

/** The channels there are; the registry holds one of each. */
export const channelNames = ['email', 'sms', 'slack'] as const satisfies readonly ChannelName[];

export const isChannelName = (name: unknown): name is ChannelName =>
  (channelNames as readonly unknown[]).includes(name);
