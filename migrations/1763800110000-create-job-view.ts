import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The view in which everybody reads jobs, and the one window on what runs. */
export class CreateJobView1763800110000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...reading, ...grants]) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop view background_job_view`);
    await runner.query(`drop function running_jobs(), running_jobs_of_current_organization()`);
  }
}

const reading = [
  // Claims hold jobs of many organisations; this is the one window carillon_app has on them.
  `create function running_jobs_of_current_organization() returns table (job_id uuid, run int, claimed_at timestamptz, worker text)
     language sql stable security definer set search_path = pg_catalog, public, pg_temp rows 100 as $$
     select mine.id, mine.run, c.claimed_at, w.name
       from job_claims c join job_workers w using (worker), unnest(c.jobs, c.orgs, c.runs) mine (id, org, run)
      where mine.org = (select number from organizations where id = carillon_current_organization()) $$`,
  `create function running_jobs() returns table (job_id uuid, run int, claimed_at timestamptz, worker text)
     language plpgsql stable rows 100 as $$
   begin
     if current_user = 'carillon_app' then
       return query select * from running_jobs_of_current_organization();
     else
       return query select mine.id, mine.run, c.claimed_at, w.name
         from job_claims c join job_workers w using (worker), unnest(c.jobs, c.runs) mine (id, run);
     end if;
   end $$`,
  `comment on function running_jobs() is 'jobs that stand in a claim; one whose run is not the row''s run has ended since'`,
  // The few claims become one map, made once a query, and not at all where only ended jobs are read. The lateral subquery cannot be
  // pulled up (offset 0), so that the map stays one and its row's entry is looked up once; being lateral it always comes second in
  // the join, so that a list still follows its index.
  `create view background_job_view with (security_invoker = true) as
   select b.id, b.organization_id, b.queue, b.job_type,
     case when running.entry is null then b.status else 'processing' end status,
     b.priority, b.payload, b.result, b.error_message, b.error_code,
     case when running.entry is null then b.progress when p.run = b.run then p.percent else 0 end progress,
     case when running.entry is null then b.progress_message when p.run = b.run then p.message end progress_message,
     b.retry_count, b.max_retries, b.next_retry_at, b.backoff, b.run_at, b.timeout_seconds, b.unique_key, b.active_key, b.unique_until,
     b.concurrency_key, b.tags, b.trace_parent, b.subject_type, b.subject_id, b.schedule_id, b.scheduled_for, b.batch_id,
     b.idempotency_key, b.idempotency_hash, b.run, b.attempt_count, b.worker_lost_count, b.failed_at, b.cancel_requested_at,
     b.cancel_reason,
     coalesce((running.entry ->> 'at')::timestamptz, b.started_at) started_at,
     b.completed_at, b.created_at, b.updated_at, b.created_by, b.updated_by,
     running.entry ->> 'worker' worker
   from background_jobs b
   cross join lateral (
     select case when b.status = 'queued' then
       (select jsonb_object_agg(job_id || ':' || run, jsonb_build_object('at', claimed_at, 'worker', worker)) from running_jobs())
         -> (b.id || ':' || b.run) end entry
     offset 0) running
   left join job_progress p on p.job_id = b.id`,
];

const grants = [
  `revoke execute on function running_jobs_of_current_organization() from public`,
  `grant execute on function running_jobs_of_current_organization() to carillon_app`,
  `grant select on background_job_view to carillon_app, carillon_platform, carillon_engine`,
];
