import { QueryFailedError } from 'typeorm';
import { createLogger, NestLogger } from './logger.js';

/** The lines that `write` makes, parsed, and as they stood. */
function logged(write: (log: NestLogger) => void): { text: string; lines: Record<string, unknown>[] } {
  let text = '';
  const pino = createLogger({ logLevel: 'trace' }, { write: (line) => (text += line) });
  write(new NestLogger(pino));
  return {
    text,
    lines: text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const canary = 'canary-7f3a';

describe('the logger', () => {
  it('hides values by the names of their fields, however deep', () => {
    const { text, lines } = logged((log) =>
      log.log({
        msg: 'x',
        password: canary,
        deep: [{ headers: { Authorization: canary, 'x-api-key': canary, cookie: canary }, refreshToken: canary }],
        settings: { authToken: canary, clientSecret: canary, port: 587 },
      }),
    );
    expect(text).not.toContain(canary);
    expect(lines[0]).toMatchObject({ msg: 'x', password: '[redacted]', settings: { port: 587 } });
  });

  it.each([
    [`the key is ck_${'a'.repeat(43)}`, /the key is \[redacted\]/],
    ['Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', /Bearer \[redacted\]/],
    ['cannot reach postgres://carillon:hunter2@db:5432/x', /postgres:\/\/carillon:\[redacted\]@db:5432\/x/],
    ['POST https://hooks.slack.com/services/T0/B0/abc failed', /services\/\[redacted\] failed/],
  ])('hides what looks like a secret in any text: %s', (text, expected) => {
    const { lines } = logged((log) => {
      log.warn(text);
      log.error(new Error(text));
    });
    for (const line of lines) expect(JSON.stringify(line)).toMatch(expected);
    expect(JSON.stringify(lines)).not.toMatch(/hunter2|eyJ|ck_|T0\/B0/);
  });

  it('tells of a failed statement its error and code, not its parameters or the row', () => {
    const driver = Object.assign(new Error('duplicate key value violates unique constraint "users_email_unique"'), {
      code: '23505',
      constraint: 'users_email_unique',
      detail: `Key (email)=(${canary}) already exists.`,
    });
    const { text, lines } = logged((log) =>
      log.error({ msg: 'request failed', err: new QueryFailedError(`insert … '${canary}'`, [canary], driver) }),
    );
    expect(text).not.toContain(canary);
    expect(lines[0]).toMatchObject({
      msg: 'request failed',
      err: { type: 'QueryFailedError', code: '23505', constraint: 'users_email_unique' },
    });
  });

  it('keeps the cause of an error, and survives what is no error', () => {
    const { lines } = logged((log) => {
      log.error({ msg: 'a', err: new Error('outer', { cause: new Error('inner') }) });
      log.error({ msg: 'b', err: 'a thrown text' });
    });
    expect(lines[0]).toMatchObject({ err: { message: 'outer', cause: { message: 'inner' } } });
    expect(lines[1]).toMatchObject({ err: { type: 'string' } });
  });

  it('writes one line whatever is in it', () => {
    const { lines, text } = logged((log) => log.log('a\nb\u001b[31m{"level":60}\r\n'));
    expect(lines).toHaveLength(1);
    expect(text.slice(0, -1)).not.toMatch(/[\u0000-\u001f]/); // oxlint-disable-line no-control-regex -- that is the point
  });
});
