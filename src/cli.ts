#!/usr/bin/env node
/** `carillon <command>`. Exit codes: 0 done (or asked to end), 1 failed, 2 wrong usage. */
import { readArguments, UsageError } from './cli/arguments.js';
import { commands } from './cli/commands.js';
import { helpText } from './cli/help.js';
import { explainFailure } from './failure.js';

const words = process.argv.slice(2);
try {
  process.exitCode = await run();
} catch (error) {
  fail(error);
}

async function run(): Promise<number> {
  if (words[0] === 'help' || words.length === 0 || words[0] === '--help' || words[0] === '-h') {
    console.log(helpText(commands));
    return 0;
  }
  const { name, command, options } = readArguments(words, commands);
  if (options.help) {
    console.log(helpText(commands, name));
    return 0;
  }
  const outcome = await command.run(options);
  if (!outcome) return 0;
  console.log(options.json ? JSON.stringify(outcome.data) : outcome.lines.join('\n'));
  return outcome.failed ? 1 : 0;
}

function fail(error: unknown): void {
  const usage = error instanceof UsageError;
  const message = usage ? `${error.message} "carillon help" lists them all.` : explainFailure(error);
  console.error(words.includes('--json') ? JSON.stringify({ error: message }) : message);
  process.exitCode = usage ? 2 : 1;
}
