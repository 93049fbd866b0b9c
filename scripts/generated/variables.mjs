// The variables of src/platform/config/variables.ts in the order of that file, by group.
import { compiled } from './scratch-database.mjs';

/** @returns {Promise<Map<string, {name: string, description: string, default?: string, secret?: true}[]>>} */
export async function variablesByGroup() {
  const { variables } = await compiled('src/platform/config/variables.js');
  const groups = new Map();
  for (const [name, variable] of Object.entries(variables)) {
    if (!groups.has(variable.group)) groups.set(variable.group, []);
    groups.get(variable.group).push({ name, ...variable });
  }
  return groups;
}
