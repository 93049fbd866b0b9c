import type { ParseArgsConfig } from 'node:util';

/** Flags as they were given; `json` and `help` belong to every command. */
export interface Options {
  json?: boolean;
  help?: boolean;
  [flag: string]: string | boolean | undefined;
}

/** What a command has to say: sentences for people, the same as data for `--json`. A failed one ends with exit code 1. */
export interface Outcome {
  lines: string[];
  data: object;
  failed?: boolean;
}

/** A command's file is loaded for every command line, so it imports what is heavy (Nest, TypeORM) in `run` only. */
export interface Command {
  summary: string;
  /** Flags of its own, each described in `flags` for the help. */
  options?: NonNullable<ParseArgsConfig['options']>;
  flags?: Record<string, string>;
  /** Resolves with nothing where the command goes on running (start, api, worker). */
  run(options: Options): Promise<Outcome | void>;
}
