/** Reads JSON that a stranger sent: within bounds, without ambiguity, without characters that nothing behind can keep. */
import { badRequest, pointerPart, Problem } from './problem.js';
import { flawOf, isForbiddenKey } from './text-guard.js';

export interface JsonBounds {
  /** Objects and arrays inside one another. */
  depth: number;
  /** Members of all objects together. */
  keys: number;
  /** Elements of all arrays together. */
  elements: number;
}
export const jsonBounds: JsonBounds = { depth: 32, keys: 10_000, elements: 100_000 };

/**
 * Like `JSON.parse`, but refuses what parsers disagree on or stumble over: deep nesting, masses of keys, a key given
 * twice, `__proto__` and `constructor`, NUL, half surrogate pairs. Time and memory are linear in the text.
 * @throws Problem 400 and nothing else
 */
export function parseJson(text: string, bounds: JsonBounds = jsonBounds): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // V8's message quotes the text, which may hold a secret
    throw new Problem(400, 'invalid_json', 'The body is not valid JSON.');
  }
  guardStructure(text, bounds);
  return value;
}

/** An object with the keys seen so far, or an array (`keys` undefined); `at` is the key or index of the member being read. */
interface Container {
  keys: Set<string> | undefined;
  expectsKey: boolean;
  at: string | number;
}

/** Walks text that is known to be valid JSON: JSON.parse keeps only the last of two equal keys, so the text has to tell. */
function guardStructure(text: string, bounds: JsonBounds): void {
  const open: Container[] = [];
  let keys = 0;
  let elements = 0;
  const countElement = () => {
    if (++elements > bounds.elements) refuse(open, `has more than ${bounds.elements} elements`);
  };
  for (let i = 0; i < text.length; i++) {
    const inside = open.at(-1);
    switch (text[i]) {
      case '{':
      case '[':
        if (open.length === bounds.depth) refuse(open, `is nested deeper than ${bounds.depth} levels`);
        open.push({ keys: text[i] === '{' ? new Set() : undefined, expectsKey: text[i] === '{', at: 0 });
        if (text[i] === '[' && !isEmptyFrom(text, i + 1)) countElement();
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ',':
        if (inside?.keys) inside.expectsKey = true;
        else if (inside) {
          inside.at = Number(inside.at) + 1;
          countElement();
        }
        break;
      case '"': {
        const end = endOfString(text, i);
        const string = decoded(text.slice(i, end + 1));
        if (inside?.keys && inside.expectsKey) {
          if (++keys > bounds.keys) refuse(open.slice(0, -1), `has more than ${bounds.keys} keys`);
          takeKey(open, inside.keys, string);
        } else guardText(open, string);
        i = end;
        break;
      }
      default:
    }
  }
}

function takeKey(open: Container[], keys: Set<string>, key: string): void {
  const object = open.at(-1)!;
  object.at = key;
  object.expectsKey = false;
  if (keys.has(key)) refuse(open, 'is given twice');
  if (isForbiddenKey(key)) refuse(open, 'is not an allowed name');
  keys.add(key);
  guardText(open, key);
}

function guardText(open: Container[], text: string): void {
  const flaw = flawOf(text);
  if (flaw) refuse(open, flaw);
}

function refuse(open: Container[], message: string): never {
  const pointer = open.map(({ at }) => pointerPart(String(at))).join('');
  throw badRequest([{ pointer: wellFormed(pointer), message }]);
}

/** The pointer goes out as UTF-8 JSON, which the offending key may not be fit for. */
const wellFormed = (text: string) => text.replaceAll(/\p{Surrogate}/gu, '\ufffd');

/** Whether the array that opens before `start` closes at once. */
function isEmptyFrom(text: string, start: number): boolean {
  let next = start;
  while (' \t\n\r'.includes(text[next]!)) next++;
  return text[next] === ']';
}

/** The index of the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}

const decoded = (literal: string): string =>
  literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
