import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What keeps a job from being replaced (onClash `replace`) and run with its old payload at once. */
export class CreateJobReplacement1763800128000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop trigger background_jobs_replaced_while_waiting on background_jobs`);
    await runner.query(`drop function refuse_replacing_a_claimed_job()`);
  }
}

const statements = [
  // A claim that began before the replacing transaction ended has read the old row. So the transaction looks at its very end, behind the
  // lock that claims of the queue take in turn: whoever took the job has committed by then, and who comes later reads the new row. The
  // lock is held for the length of a commit. No other statement sets unique_key, so none other pays.
  `create function refuse_replacing_a_claimed_job() returns trigger
     language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
   begin
     perform pg_advisory_xact_lock(7001, (select number from queues where name = old.queue));
     if exists (select from job_claims c, unnest(c.jobs, c.runs) taken (id, run)
                 where old.id = any (c.jobs) and taken.id = old.id and taken.run = old.run) then
       raise 'job % was taken by a worker while it was to be replaced', old.id using errcode = 'CJ002';
     end if;
     return null;
   end $$`,
  `create constraint trigger background_jobs_replaced_while_waiting after update of unique_key on background_jobs
     deferrable initially deferred for each row execute function refuse_replacing_a_claimed_job()`,
];
