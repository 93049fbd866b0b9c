import { apiDocument } from '../api-document.js';
import type { Command } from './command.js';

export const openApiCommand: Command = {
  summary: 'prints the OpenAPI document',
  async run() {
    const data = await apiDocument();
    return { lines: [JSON.stringify(data, null, 2)], data };
  },
};
