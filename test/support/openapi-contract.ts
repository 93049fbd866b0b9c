/** Holds answers to the committed OpenAPI document: a status or a shape that it does not promise fails the test. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: object;
}

const file = path.join(__dirname, '../../docs/api/openapi.json');
const document = JSON.parse(readFileSync(file, 'utf8')) as Document;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema({ $id: 'openapi', components: document.components });

/** @throws when the document does not know the call, its status, or the shape of its answer */
export function expectPromised(method: string, url: string, status: number, body: unknown): void {
  const call = `${method} ${new URL(url).pathname}`;
  const operation = operationOf(method, new URL(url).pathname);
  if (!operation) throw new Error(`${call} is not in docs/api/openapi.json`);
  const response = operation.responses[status] ?? operation.responses.default;
  if (!response) throw new Error(`${call} answered ${status}, which docs/api/openapi.json does not promise`);
  const schema = Object.values(response.content ?? {})[0]?.schema;
  if (!schema) return;
  const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')) as object;
  if (!ajv.validate(local, body))
    throw new Error(`${call} answered ${status} with another shape than promised: ${ajv.errorsText()}`);
}

/** Fixed paths come before those with parameters. */
function operationOf(method: string, pathname: string): Operation | undefined {
  const templates = Object.keys(document.paths).sort((a, b) => parametersIn(a) - parametersIn(b));
  const found = templates.find((template) =>
    new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(pathname),
  );
  return found === undefined ? undefined : document.paths[found]?.[method.toLowerCase()];
}

const parametersIn = (template: string) => template.split('{').length;
