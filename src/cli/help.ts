import type { Command } from './command.js';

/** All commands, or one of them. */
export function helpText(commands: Record<string, Command>, name?: string): string {
  const chosen = name === undefined ? Object.entries(commands) : [[name, commands[name]!] as const];
  const lines = chosen.flatMap(([command, { summary, flags = {} }]) => [
    `  ${command.padEnd(14)}${summary}`,
    ...Object.entries(flags).map(([flag, meaning]) => `    ${flag.padEnd(12)}${meaning}`),
  ]);
  return [
    'carillon <command> [flags]',
    '',
    ...lines,
    '',
    '  --json          prints the result as one JSON object',
    '  --help          says what a command does',
    '',
    'Exit codes: 0 done (or asked to end), 1 failed, 2 wrong usage.',
    'Configuration comes from the environment only: see .env.example.',
  ].join('\n');
}
