/** Runs several actors on one database in a chosen order of their statements, and walks through every order there is. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';
import { connectionOptions } from '../../src/platform/database/index.js';
import { patienceMs } from '../support/worker-fleet.js';

/** Does something in transactions of its own, and answers a named result. */
export type Act = (sql: SteppedSql) => Promise<string>;
/** Whether a statement waits for its turn; the others go along with the one before them. `place` counts from 0. */
export type IsStep = (text: string, place: number) => boolean;

/** A connection, and a pool of just that one, whose statements are let through one at a time. */
export class SteppedSql {
  /** Lets the statement that waits for its turn go; undefined while none waits. */
  private turn: (() => void) | undefined;
  private place = 0;
  done = true;
  result = '';

  constructor(
    private readonly client: pg.Client,
    private readonly isStep: IsStep,
  ) {}

  get pid(): number {
    return (this.client as unknown as { processID: number }).processID;
  }

  /** Its next statement waits to be let through. */
  get mayGo(): boolean {
    return this.turn !== undefined;
  }

  /** Its statement was let through and has not been answered, or its own code is running. */
  get inMotion(): boolean {
    return !this.done && !this.mayGo;
  }

  start(act: Act): void {
    this.place = 0;
    this.done = false;
    act(this)
      .catch((error: Error & { code?: string }) => `failed: ${error.code} ${error.message}`)
      .then((result) => Object.assign(this, { result, done: true }))
      .catch(() => undefined);
  }

  go(): void {
    this.turn?.();
    this.turn = undefined;
  }

  async query<R extends object>(
    query: string | { name?: string; text: string },
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }> {
    const text = typeof query === 'string' ? query : (query.name ?? query.text);
    if (this.isStep(text, this.place++))
      await new Promise<void>((resolve) => {
        this.turn = resolve;
      });
    return this.client.query<R>(query as string, values);
  }

  async connect() {
    const nothing = () => undefined;
    return { query: this.query.bind(this), release: nothing, on: nothing, off: nothing };
  }
}

export interface Course {
  /** Names in the order in which their statements were let through. */
  order: string[];
  results: Record<string, string>;
}

export class Interleaver {
  private constructor(
    private readonly actors: Record<string, SteppedSql>,
    private readonly clients: pg.Client[],
    private readonly monitor: pg.Client,
  ) {}

  static async open(url: string, steps: Record<string, IsStep>): Promise<Interleaver> {
    const clients = [...Object.keys(steps), 'monitor'].map(
      () => new pg.Client(connectionOptions({ url }, 'carillon_engine')),
    );
    await Promise.all(clients.map((client) => client.connect()));
    const actors = Object.fromEntries(
      Object.entries(steps).map(([name, isStep], i) => [name, new SteppedSql(clients[i]!, isStep)]),
    );
    return new Interleaver(actors, clients, clients.at(-1)!);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end()));
  }

  /** Every order of the statements of `names`, each on a fresh `prepare`d state; `check` looks at what each came to. Answers how many. */
  async every(
    names: readonly string[],
    prepare: () => Promise<Record<string, Act>>,
    check: (course: Course) => Promise<void>,
  ): Promise<number> {
    let choices: number[] = [];
    for (let count = 1; ; count++) {
      const { taken, course } = await this.run(names, await prepare(), choices);
      await check(course);
      const last = taken.findLastIndex(({ choice, options }) => choice + 1 < options);
      if (last === -1) return count;
      choices = taken.slice(0, last + 1).map(({ choice }) => choice);
      choices[last]!++;
    }
  }

  /** Follows `choices` as far as they go, and takes the first way from there on. */
  private async run(names: readonly string[], acts: Record<string, Act>, choices: readonly number[]) {
    for (const name of names) this.actors[name]!.start(acts[name]!);
    const taken: { choice: number; options: number }[] = [];
    const order: string[] = [];
    for (;;) {
      await this.settle(names, order);
      const movable = names.filter((name) => this.actors[name]!.mayGo);
      if (movable.length === 0) break;
      // Two that wait for one row race for its new version when it is let go (PostgreSQL keeps no queue for that), so there may be fewer
      // ways on than the last time; the last of them is taken then.
      const choice = Math.min(choices[taken.length] ?? 0, movable.length - 1);
      taken.push({ choice, options: movable.length });
      order.push(movable[choice]!);
      this.actors[movable[choice]!]!.go();
    }
    const results = Object.fromEntries(names.map((name) => [name, this.actors[name]!.result]));
    return { taken, course: { order, results } };
  }

  /** Until everybody has ended, waits for a turn, or waits for a lock that one of those holds. */
  private async settle(names: readonly string[], order: readonly string[]): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      for (let i = 0; i < 3; i++) await nextTurn();
      // who was in motion before we asked, and is waiting when we ask, waits for somebody who had come to rest
      const moving = names.map((name) => this.actors[name]!).filter((actor) => actor.inMotion);
      if (moving.length === 0) return;
      const waiting = await this.monitor.query<{ waiting: boolean }>({
        name: 'waiting',
        text: `select bool_and(cardinality(pg_blocking_pids(pid)) > 0) waiting from unnest($1::int[]) pid`,
        values: [moving.map((actor) => actor.pid)],
      });
      const someWait = names.some((name) => this.actors[name]!.mayGo);
      if (waiting.rows[0]!.waiting && someWait && moving.every((actor) => actor.inMotion)) return;
      if (performance.now() > deadline)
        throw new Error(`waited ${patienceMs} ms for an answer after ${order.join(', ')}`);
    }
  }
}
