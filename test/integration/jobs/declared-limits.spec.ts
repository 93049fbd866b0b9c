import { Module } from '@nestjs/common';
import type { Job } from '@carillon/job-engine';
import { JobHandler } from '@carillon/nest-jobs';
import { createTestApp } from '../../support/test-app.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

@JobHandler('declared.a', { limits: { running: 2, perMinute: 30, runningPerKey: 3, perMinutePerKey: 9 } })
class A implements Job {
  async run() {}
}
@JobHandler('declared.b', { limits: { running: 1 } })
class B implements Job {
  async run() {}
}
@JobHandler('declared.b', { limits: { perMinute: 7 } })
class OtherB implements Job {
  async run() {}
}
@Module({ providers: [A, B] })
class FirstVersion {}
@Module({ providers: [OtherB] })
class SecondVersion {}

describe('the limits that handlers declare', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  /** Starts a process of this version, which runs no jobs, and stops it. */
  async function boot(version: new () => object): Promise<void> {
    const app = await createTestApp({ database, modules: [version], empty: true });
    await app.close();
  }
  const declared = async () => {
    const { rows } = await database.owner.query<Record<string, unknown>>(
      `select job_type, declared_max_running, declared_per_minute, declared_key_max_running, declared_key_per_minute, max_running, gated
         from job_type_controls where job_type like 'declared.%' order by job_type`,
    );
    return rows.map((row) => Object.values(row));
  };

  it('are written at the start of any process, the last to start wins, and what an administrator set stays', async () => {
    await boot(FirstVersion);
    expect(await declared()).toEqual([
      ['declared.a', 2, 30, 3, 9, null, true],
      ['declared.b', 1, null, null, null, null, true],
    ]);
    await database.owner.query(`update job_type_controls set max_running = 5 where job_type = 'declared.a'`);
    await database.owner.query(`delete from job_gates_to_check`);
    await boot(SecondVersion);
    expect(await declared()).toEqual([
      ['declared.a', null, null, null, null, 5, true],
      ['declared.b', null, 7, null, null, null, true],
    ]);
    expect((await database.owner.query(`select from job_gates_to_check`)).rowCount).toBeGreaterThan(0);
  });

  it('are not written again, and tell nobody, where nothing differs', async () => {
    await boot(SecondVersion);
    await database.owner.query(`delete from job_gates_to_check`);
    const versions = `select xmin::text from job_type_controls order by job_type`;
    const before = (await database.owner.query(versions)).rows;
    await boot(SecondVersion);
    expect((await database.owner.query(versions)).rows).toEqual(before);
    expect((await database.owner.query(`select from job_gates_to_check`)).rowCount).toBe(0);
  });
});
