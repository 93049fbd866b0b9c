/** Migrations that are started twice at once, or killed midway (case 17). */
import { createEmptyDatabase, type EmptyDatabase } from '../support/empty-database.js';
import { killAll, removeFolders, startCarillon } from '../support/carillon-process.js';
import { sharedInstallation } from '../support/shared-installation.js';
import { migrationClasses, provision, verifySchema } from '../../src/platform/database/index.js';
import { eventually } from '../support/eventually.js';
import { patienceMs } from '../support/worker-fleet.js';

jest.setTimeout(3 * patienceMs);

/** The table in whose making the first process is stopped: its migration has begun, and others have run. */
const midway = 'job_attempts';
const gate = 4_711;

describe('carillon migrate', () => {
  let db: EmptyDatabase;
  beforeEach(async () => {
    db = await createEmptyDatabase();
    await provision(db);
  });
  afterEach(async () => {
    await killAll();
    await removeFolders();
    await db.drop();
  });

  const migrating = () => startCarillon(['migrate', '--json'], { env: sharedInstallation(db.url) });
  const looksFor = async (text: string, values: unknown[] = []) =>
    (await db.owner.query(text, values)).rows.length > 0 || undefined;

  it('case 17: started twice at once, one runs and the other waits and finds nothing to do', async () => {
    const both = [migrating(), migrating()];
    for (const process of both) expect(await process.ended).toEqual({ code: 0, signal: null });
    const ran = both.map((process) => (JSON.parse(process.stdout()) as { migrated: string[] }).migrated.length);
    expect(ran.sort((a, b) => a - b)).toEqual([0, migrationClasses.length]);
    expect(await verifySchema(db)).toEqual([]);
  });

  it('case 17: killed midway, it leaves whole migrations; the one that waited takes over and brings them to their end', async () => {
    await db.owner.query(
      `create function stop_midway() returns event_trigger language plpgsql as $$ begin
         if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.${midway}') then
           perform pg_advisory_xact_lock_shared(${gate});
         end if;
       end $$;
       create event trigger stop_midway on ddl_command_end when tag in ('CREATE TABLE') execute function stop_midway()`,
    );
    const keeper = await db.owner.connect();
    await keeper.query(`select pg_advisory_lock(${gate})`);
    const first = migrating();
    const stopped = `select from pg_locks where locktype = 'advisory' and objid = $1 and not granted`;
    await eventually(() => looksFor(stopped, [gate]), patienceMs);
    const second = migrating();
    await eventually(() => looksFor(`${stopped} and objid <> ${gate}`, [7_000_001]), patienceMs);
    first.kill('SIGKILL');
    expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' });
    const { rows: whole } = await db.owner.query(`select name from migrations order by id`);
    expect(whole).toEqual([{ name: migrationClasses[0]!.name }]);
    expect(
      await looksFor(`select to_regclass('${midway}') where to_regclass('${midway}') is not null`),
    ).toBeUndefined();
    await keeper.query(`select pg_advisory_unlock(${gate})`);
    keeper.release();
    expect(await second.ended).toEqual({ code: 0, signal: null });
    expect((JSON.parse(second.stdout()) as { migrated: string[] }).migrated).toEqual(
      migrationClasses.slice(1).map((migration) => migration.name),
    );
    await db.owner.query(`drop event trigger stop_midway; drop function stop_midway()`);
    expect(await verifySchema(db)).toEqual([]);
  });
});
