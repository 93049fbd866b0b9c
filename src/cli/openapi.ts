import type { Command } from './command.js';

export const openApiCommand: Command = {
  summary: 'prints the OpenAPI document',
  async run() {
    const { apiDocument } = await import('../api-document.js');
    const data = await apiDocument();
    return { lines: [JSON.stringify(data, null, 2)], data };
  },
};
