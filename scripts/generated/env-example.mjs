import { variablesByGroup } from './variables.mjs';

const heading = `# Every variable of Carillon, made from src/platform/config/variables.ts by "npm run generate".
# Nothing here is needed to try it out: "npm start" runs with an embedded database. Lines are commented out at their defaults.
# A secret may also come from a file: <NAME>_FILE=/run/secrets/name.
`;

export const envExample = {
  path: '.env.example',
  async render() {
    const groups = [...(await variablesByGroup())].map(([group, variables]) =>
      [`# --- ${group} ---`, ...variables.map(entry)].join('\n'),
    );
    return `${heading}\n${groups.join('\n\n')}\n`;
  },
};

function entry({ name, description, default: shown, secret }) {
  const value = shown === undefined || /[\s()]/.test(shown) ? '' : shown;
  const note = shown !== undefined && value === '' ? ` Default: ${shown}.` : '';
  return `# ${description}${note}${secret ? ` (secret; also ${name}_FILE)` : ''}\n#${name}=${value}`;
}
