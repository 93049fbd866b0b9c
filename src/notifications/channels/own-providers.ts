/** Changes of the provider settings that an organisation keeps: merged with what stands, checked by the provider's schema, secrets apart. */
import { ChannelRegistry, type Provider } from '@carillon/notification-channels';
import { Injectable } from '@nestjs/common';
import type { Transaction } from '../../platform/database/index.js';
import { type ProblemDetail, unprocessable } from '../../platform/http/index.js';
import type { ChannelSettings, SecretHint } from './channel-settings.entity.js';
import { ChannelSettingsRepository } from './channel-settings.repository.js';

/** Fields to change; a field that is null is taken back. */
export type ProviderChanges = Readonly<Record<string, unknown>>;

/** A secret goes nowhere but where it was given for: with another of these, it has to be given again. */
const destinations = ['host', 'endpoint', 'accountSid'];

@Injectable()
export class OwnProviders {
  constructor(
    private readonly registry: ChannelRegistry,
    private readonly rows: ChannelSettingsRepository,
  ) {}

  /**
   * @param pointerTo where a field of the changes stands in the request
   * @throws Problem 422 with what the provider's schema refuses
   */
  async change(
    tx: Transaction,
    organizationId: string,
    [channel, name]: readonly [channel: string, provider: string],
    changes: ProviderChanges | null,
    pointerTo: (field: string) => string,
  ): Promise<void> {
    if (changes === null) return this.rows.remove(tx, organizationId, channel, name);
    const provider = this.registry.provider(channel, name);
    if (!provider) throw unprocessable([{ pointer: pointerTo(''), message: `the provider ${name} is not registered` }]);
    const existing = await this.rows.find(tx, organizationId, channel, name);
    const before = existing ? this.rows.open(existing).settings : {};
    const merged = withChanges(before, changes);
    const problems = [
      ...withheldSecrets(provider, before, changes, pointerTo),
      ...schemaProblems(provider, merged, pointerTo),
    ];
    if (problems.length > 0) throw unprocessable(problems);
    const { secrets, settings } = parted(merged, provider.secretFields);
    const hints = hintsOf(secrets, changes, existing);
    return this.rows.save(tx, { organizationId, channel, provider: name }, { settings, secrets, hints });
  }
}

function withChanges(before: Record<string, unknown>, changes: ProviderChanges): Record<string, unknown> {
  const merged = { ...before };
  for (const [field, value] of Object.entries(changes)) {
    if (value === null) delete merged[field];
    else if (value !== undefined) merged[field] = value;
  }
  return merged;
}

/** Whoever could point a stored password at a server of his own could read it there. */
function withheldSecrets(
  provider: Provider,
  before: Record<string, unknown>,
  changes: ProviderChanges,
  pointerTo: (field: string) => string,
): ProblemDetail[] {
  const moved = destinations.find(
    (field) => changes[field] !== undefined && before[field] !== undefined && changes[field] !== before[field],
  );
  if (!moved) return [];
  return provider.secretFields
    .filter((field) => before[field] !== undefined && changes[field] === undefined)
    .map((field) => ({ pointer: pointerTo(field), message: `has to be given again, as ${moved} changes` }));
}

function schemaProblems(
  provider: Provider,
  merged: Record<string, unknown>,
  pointerTo: (field: string) => string,
): ProblemDetail[] {
  const checked = provider.settings.safeParse(merged);
  if (checked.success) return [];
  return checked.error.issues.map(({ path, message }) => ({ pointer: pointerTo(path.join('/')), message }));
}

function parted(merged: Record<string, unknown>, secretFields: readonly string[]) {
  const settings: Record<string, unknown> = {};
  const secrets: Record<string, string> = {};
  for (const [field, value] of Object.entries(merged)) {
    if (secretFields.includes(field)) secrets[field] = String(value);
    else settings[field] = value;
  }
  return { settings, secrets };
}

function hintsOf(
  secrets: Record<string, string>,
  changes: ProviderChanges,
  existing: ChannelSettings | null,
): Record<string, SecretHint> {
  const updatedAt = new Date().toISOString();
  return Object.fromEntries(
    Object.entries(secrets).map(([field, secret]) => {
      const kept = changes[field] === undefined ? existing?.secretHints[field] : undefined;
      return [field, kept ?? { hint: hintOf(secret), updatedAt }];
    }),
  );
}

/** Four characters tell two long keys apart; of a short password they would be too much. */
const hintOf = (secret: string) => (secret.length >= 20 ? `…${secret.slice(-4)}` : '…');
