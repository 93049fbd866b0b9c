import { readArguments, UsageError } from './arguments.js';
import type { Command } from './command.js';

const run = async () => undefined;
const commands: Record<string, Command> = {
  start: { summary: 'starts', run },
  migrate: { summary: 'migrates', options: { down: { type: 'string' }, verify: { type: 'boolean' } }, run },
};
const read = (line: string) => readArguments(line.split(' '), commands);

describe('the command line', () => {
  it('gives the command its flags', () => {
    expect(read('start')).toMatchObject({ name: 'start', options: {} });
    expect(read('migrate --down 3 --json').options).toEqual({ down: '3', json: true });
    expect(read('migrate --down=3').options).toEqual({ down: '3' });
    expect(read('migrate -h').options).toEqual({ help: true });
  });

  it.each([
    ['migrte', 'There is no command "migrte" (did you mean migrate?). Commands: start, migrate.'],
    ['toString', 'There is no command "toString". Commands: start, migrate.'],
    ['migrate --verfy', 'carillon migrate has no flag --verfy (did you mean --verify?).'],
    ['start --verify', 'carillon start has no flag --verify.'],
    ['start -x', 'carillon start has no flag -x.'],
    ['migrate up', 'carillon migrate takes no argument "up".'],
    ['migrate --verify=yes', "carillon migrate: Option '--verify' does not take an argument."],
    ['migrate --down', "carillon migrate: Option '--down <value>' argument missing."],
    ['--verify', 'A command comes first: carillon <command> --verify. Commands: start, migrate.'],
  ])('refuses "%s" with a hint', (line, message) => {
    expect(() => read(line)).toThrow(new UsageError(message));
  });
});
