import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type pg from 'pg';
import { inTransaction } from '@carillon/job-engine';

/** One transaction, visible as a parameter wherever it matters. */
export type Transaction = EntityManager;

/** Answers rows whatever the statement; what `libs/job-engine` and hand-written SQL need of a connection. */
export interface SqlExecutor {
  query<R extends object = Record<string, unknown>>(
    text: string | { name?: string; text: string; values?: unknown[] },
    values?: unknown[],
  ): Promise<{ rows: R[]; rowCount: number | null }>;
}

/**
 * The three ways to the data, one a role (security.md, wall 2). Organisation tables are reached through
 * `withOrganization`; row-level security sees to it that a forgotten `where` shows nothing of anybody else.
 */
export class Database {
  constructor(
    private readonly app: DataSource,
    private readonly platform: DataSource,
    /** The engine's own pool: worker, rescuer, gathered enqueue. */
    readonly engine: pg.Pool,
  ) {}

  /** Runs `work` in one transaction that sees and writes only the rows of the organisation. */
  withOrganization<T>(organizationId: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return transact(this.app, async (tx) => {
      await tx.query(`select set_config('carillon.organization_id', $1, true)`, [organizationId]);
      return work(tx);
    });
  }

  /** Runs `work` as carillon_app with no organisation: nothing but SECURITY DEFINER functions answers. For logins and keys. */
  withoutOrganization<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return transact(this.app, work);
  }

  /** Reads across organisations, for a SystemAdmin; it may write nothing but the audit log. */
  acrossOrganizations<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return transact(this.platform, work);
  }

  /** Writes what belongs to the installation and to no organisation (queues, limits, pauses), in one transaction of carillon_engine. */
  asEngine<T>(work: (sql: SqlExecutor) => Promise<T>): Promise<T> {
    return inTransaction(this.engine, work);
  }
}

const afterCommit = new WeakMap<Transaction, (() => void)[]>();

/** Runs `then` once the transaction is committed, and never when it is rolled back: wake-ups, not work that may not be lost. */
export function onCommit(tx: Transaction, then: () => void): void {
  const waiting = afterCommit.get(tx);
  if (waiting) waiting.push(then);
  else afterCommit.set(tx, [then]);
}

async function transact<T>(source: DataSource, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const runner = source.createQueryRunner();
  try {
    const result = await runner.manager.transaction(work);
    for (const then of afterCommit.get(runner.manager) ?? []) then();
    return result;
  } catch (error) {
    if (isReadOnly(error)) await closeConnection(runner);
    throw error;
  } finally {
    await runner.release();
  }
}

/** After a failover a connection may lead to a server that takes no writes any more, and the pool would give it out for ever. */
const isReadOnly = (error: unknown) =>
  (error as { driverError?: { code?: string } }).driverError?.code === '25006' ||
  (error as { code?: string }).code === '25006';

/** A pool that gets an ended connection back drops it. */
async function closeConnection(runner: QueryRunner): Promise<void> {
  const connection = (await runner.connect()) as { end(): Promise<void> };
  void connection.end().catch(() => undefined);
}

/** The plain connection under a TypeORM transaction; TypeORM's own `query` answers `[rows, count]` for some statements only. */
export async function sqlOf(tx: Transaction): Promise<SqlExecutor> {
  if (!tx.queryRunner) throw new Error('sqlOf needs the manager of a running transaction');
  return (await tx.queryRunner.connect()) as SqlExecutor;
}

/** Rows of any statement, UPDATE and DELETE included. */
export async function rowsOf<R extends object>(tx: Transaction, text: string, values: unknown[] = []): Promise<R[]> {
  return (await (await sqlOf(tx)).query<R>(text, values)).rows;
}
