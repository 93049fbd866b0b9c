/** Reads the words of a command line against the table of commands. Pure: what is wrong comes back as a usage error. */
import { parseArgs } from 'node:util';
import { nearestName } from '../platform/config/nearest-name.js';
import type { Command, Options } from './command.js';

/** What the caller wrote cannot be meant: exit code 2. */
export class UsageError extends Error {}

export interface Invocation {
  name: string;
  command: Command;
  options: Options;
}

/** @throws UsageError with a hint when the command or one of its flags is unknown, or a value is missing or wrong */
export function readArguments(words: readonly string[], commands: Record<string, Command>): Invocation {
  const [name = 'help', ...rest] = words[0]?.startsWith('-') ? ['help', ...words.slice(1)] : words;
  if (words[0]?.startsWith('-') && !['-h', '--help'].includes(words[0]))
    throw new UsageError(`A command comes first: carillon <command> ${words[0]}. Commands: ${list(commands)}.`);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new UsageError(
      `There is no command "${name}"${hint(nearestName(name, Object.keys(commands)))}. Commands: ${list(commands)}.`,
    );
  return { name, command, options: readOptions(name, command, rest) };
}

function readOptions(name: string, command: Command, words: string[]): Options {
  const known = { ...command.options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  const { tokens } = parseArgs({ args: words, options: known, strict: false, allowPositionals: true, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(`carillon ${name} takes no argument "${token.value}".`);
    if (token.kind !== 'option') continue;
    if (Object.hasOwn(known, token.name)) continue;
    const meant = nearestName(token.name, Object.keys(known));
    throw new UsageError(`carillon ${name} has no flag ${token.rawName}${hint(meant && `--${meant}`)}.`);
  }
  try {
    return parseArgs({ args: words, options: known, strict: true }).values;
  } catch (error) {
    throw new UsageError(`carillon ${name}: ${(error as Error).message.split('. ')[0]}.`);
  }
}

const hint = (meant: string | undefined) => (meant ? ` (did you mean ${meant}?)` : '');
const list = (commands: Record<string, Command>) => Object.keys(commands).join(', ');
