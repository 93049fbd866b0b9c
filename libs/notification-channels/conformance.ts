/**
 * What every provider promises, as cases that any test framework can run: the built-in ones pass them against stand-ins on the
 * loopback interface, and the author of another runs the same.
 */
import assert from 'node:assert/strict';
import { type FailureClass, failureClasses, type Provider } from './provider.js';

/** A server (or store) of the test that plays the provider's. */
export interface StandIn {
  /** Settings that reach it, as they would be saved. */
  settings: Record<string, unknown>;
  /** Settings that the schema has to refuse. */
  badSettings: readonly Record<string, unknown>[];
  /** A rendered message of the provider's channel, to whom and with which words does not matter. */
  message: unknown;
  /** What it has taken so far, as texts in which the message's words can be found. */
  received(): readonly string[];
  /** Words of `message` that must arrive. */
  words: string;
  /** For each class of failure it can provoke: makes the next send fail so. */
  failures: Partial<Record<FailureClass, () => void | Promise<void>>>;
}

export interface ConformanceCase {
  name: string;
  run(): Promise<void>;
}

export function conformance(provider: Provider, standIn: StandIn): ConformanceCase[] {
  return [
    ...declarations(provider, standIn),
    ...sending(provider, standIn),
    ...Object.entries(standIn.failures).map(([expected, provoke]) => ({
      name: `classifies a failure as ${expected}, in the provider's words and without its secrets`,
      run: () => failing(provider, standIn, expected as FailureClass, provoke),
    })),
  ];
}

function declarations(provider: Provider, standIn: StandIn): ConformanceCase[] {
  return [
    {
      name: 'has a name that fits into a path, and limits above zero',
      run: async () => {
        assert.match(provider.channel, /^[a-z][a-z0-9-]*$/);
        assert.match(provider.name, /^[a-z][a-z0-9-]*$/);
        for (const limit of Object.values(provider.limits)) assert.ok(limit > 0);
      },
    },
    {
      name: 'takes sound settings and refuses others, each secret being one of them',
      run: async () => {
        const sound = provider.settings.parse(standIn.settings) as Record<string, unknown>;
        for (const field of provider.secretFields) assert.equal(typeof sound[field], 'string', `${field} is a text`);
        assert.equal(provider.settings.safeParse({ ...standIn.settings, surprise: 1 }).success, false);
        for (const bad of standIn.badSettings)
          assert.equal(provider.settings.safeParse(bad).success, false, `refuses ${JSON.stringify(bad)}`);
      },
    },
    {
      name: 'classifies whatever it is given and never throws',
      run: async () => {
        for (const odd of [
          undefined,
          null,
          'text',
          7,
          {},
          [],
          new Error(''),
          Object.assign(new Error('x'), { code: 9 }),
        ])
          assert.ok(failureClasses.includes(provider.classify(odd).class));
      },
    },
  ];
}

function sending(provider: Provider, standIn: StandIn): ConformanceCase[] {
  return [
    {
      name: 'delivers the message once and answers with its name',
      run: async () => {
        const before = standIn.received().length;
        const receipt = await send(provider, standIn, 'delivery-1');
        assert.ok(receipt.messageId.length > 0);
        const taken = standIn.received().slice(before);
        assert.equal(taken.length, 1);
        assert.ok(taken[0]!.includes(standIn.words), `"${standIn.words}" arrived`);
      },
    },
    {
      name: 'sends nothing once the signal has fired, which is no failure for good',
      run: async () => {
        const before = standIn.received().length;
        const error = await thrownBy(() => send(provider, standIn, 'delivery-2', AbortSignal.abort()));
        assert.equal(provider.classify(error).class, 'transient');
        assert.equal(standIn.received().length, before);
      },
    },
    ...(provider.idempotent
      ? [
          {
            name: 'delivers once what is sent twice with one key',
            run: async () => {
              const before = standIn.received().length;
              await send(provider, standIn, 'delivery-3');
              await send(provider, standIn, 'delivery-3');
              assert.equal(standIn.received().length, before + 1);
            },
          },
        ]
      : []),
  ];
}

async function failing(
  provider: Provider,
  standIn: StandIn,
  expected: FailureClass,
  provoke: () => void | Promise<void>,
): Promise<void> {
  await provoke();
  const failure = provider.classify(await thrownBy(() => send(provider, standIn, `delivery-${expected}`)));
  assert.equal(failure.class, expected, failure.message);
  assert.ok(failure.message.length > 0);
  for (const field of provider.secretFields) {
    const secret = standIn.settings[field];
    if (typeof secret === 'string') assert.ok(!failure.message.includes(secret), `${field} is not in the words`);
  }
}

const send = (provider: Provider, standIn: StandIn, key: string, signal = new AbortController().signal) =>
  provider.send(standIn.message, provider.settings.parse(standIn.settings), { idempotencyKey: key, signal });

async function thrownBy(work: () => Promise<unknown>): Promise<unknown> {
  const [result] = await Promise.allSettled([work()]);
  if (result.status === 'rejected') return result.reason;
  throw new assert.AssertionError({ message: 'it was expected to fail' });
}
