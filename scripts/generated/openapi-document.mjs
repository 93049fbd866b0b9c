import { compiled } from './scratch-database.mjs';

/** The API as the controllers declare it; needs no database. */
export const openApiDocument = {
  path: 'docs/api/openapi.json',
  async render() {
    const { apiDocument } = await compiled('src/api-document.js');
    return JSON.stringify(await apiDocument(), null, 2);
  },
};
