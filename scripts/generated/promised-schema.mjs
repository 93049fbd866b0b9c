import { compiled } from './scratch-database.mjs';

/** What the migrations make, read from a database in which just they have run; `carillon migrate --verify` compares with it. */
export const promisedSchema = {
  path: 'migrations/promised-schema.json',
  async render(_current, { databaseUrl }) {
    const { readCatalog } = await compiled('src/platform/database/catalog.js');
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      return `${JSON.stringify(await readCatalog(client), null, 2)}\n`;
    } finally {
      await client.end();
    }
  },
};
