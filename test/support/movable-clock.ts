import pg from 'pg';

/** Replaces `carillon_now()` in one test database by a clock that `moveClock` shifts; production has no such switch. */
export async function makeClockMovable(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`create table test_clock (shift interval not null)`);
    await client.query(`insert into test_clock values ('0')`);
    await client.query(`grant select on test_clock to public`);
    await client.query(`create or replace function carillon_now() returns timestamptz language sql stable parallel safe as
      $$ select statement_timestamp() + (select shift from public.test_clock) $$`);
  });
}

/** From now on `carillon_now()` is this much ahead of (or behind) the server's clock. */
export async function moveClock(url: string, milliseconds: number): Promise<void> {
  await withClient(url, (client) =>
    client.query(`update test_clock set shift = make_interval(secs => $1)`, [milliseconds / 1_000]),
  );
}

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
