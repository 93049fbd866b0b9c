import { variablesByGroup } from './variables.mjs';

const begin = '<!-- configuration -->';
const end = '<!-- /configuration -->';

export const readmeConfiguration = {
  path: 'README.md',
  /** Replaces what stands between the two markers; the rest of the page is written by hand. */
  async render(current) {
    const [before, rest] = current.split(begin);
    const after = rest?.split(end)[1];
    if (after === undefined) throw new Error(`README.md needs the markers ${begin} and ${end}`);
    return `${before}${begin}\n\n${await table()}\n\n${end}${after}`;
  },
};

async function table() {
  const rows = [...(await variablesByGroup())].flatMap(([group, variables]) => [
    `| **${group}** | | |`,
    ...variables.map(
      ({ name, default: shown, description, secret }) =>
        `| \`${name}\`${secret ? ' (secret)' : ''} | ${shown === undefined ? '' : `\`${shown}\``} | ${cell(description)} |`,
    ),
  ]);
  return ['| variable | default | what it does |', '| --- | --- | --- |', ...rows].join('\n');
}

const cell = (text) => text.replaceAll('|', String.raw`\|`);
