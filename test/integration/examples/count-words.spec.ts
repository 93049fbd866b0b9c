import { Module } from '@nestjs/common';
import { JobRunner } from '@carillon/nest-jobs';
import { CountWords } from '../../../examples/job-type/count-words.js';
import { createTestApp, type TestApp } from '../../support/test-app.js';

@Module({ providers: [CountWords] })
class WordsModule {}

describe('a job of the type words.count', () => {
  let t: TestApp;
  beforeAll(async () => {
    t = await createTestApp({ modules: [WordsModule], worker: true });
  });
  afterAll(() => t.close());

  const ask = (texts: unknown) =>
    t
      .as('SystemAdmin')
      .request('POST', '/api/system/background-jobs', { body: { jobType: 'words.count', payload: { texts } } });
  const run = async (texts: string[]) => {
    const { body: job } = await ask(texts);
    await t.app.get(JobRunner).engine!.worker.runOnce();
    return (await t.as('SystemAdmin').request('GET', `/api/system/background-jobs/${job.id}`)).body;
  };

  it('counts the words of all texts', async () => {
    expect(await run(['to be or not to be', 'that is the question'])).toMatchObject({
      status: 'completed',
      progress: 100,
      progressMessage: '2 of 2 texts',
      result: { words: 10 },
    });
  });

  it('fails at once for an empty text', async () => {
    expect(await run(['to be', ' '])).toMatchObject({ status: 'failed', errorCode: 'empty_text', retryCount: 0 });
  });

  it('is refused where it is asked for with something else than texts', async () => {
    const { status, body } = await ask(['to be', 1]);
    expect([status, body.errors[0].pointer]).toEqual([422, '/payload/texts']);
  });
});
