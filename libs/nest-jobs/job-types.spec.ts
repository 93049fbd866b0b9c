import 'reflect-metadata';
import { Module, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Type as Nested } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, ValidateNested } from 'class-validator';
import { type EndedRun, type FinishHook, InvalidPayload } from '@carillon/job-engine';
import { JobFinishHook } from './job-finish-hook.js';
import { JobHandler } from './job-handler.js';
import { JobTypes, UnknownJobType } from './job-types.js';

class Place {
  @IsString()
  city!: string;
}
class Count {
  @IsInt()
  count!: number;
}
class Greeting {
  @IsString()
  name!: string;

  @IsOptional()
  @IsInt()
  @Max(5)
  times?: number;

  @IsOptional()
  @ValidateNested({ each: true })
  @Nested(() => Place)
  places?: Place[];
}

@JobHandler('greet', { queue: 'mail', maxRetries: 1, payload: Greeting, aliases: ['hello'] })
class Greet {
  async run(payload: Greeting): Promise<string> {
    return payload.name;
  }
}
@JobHandler('even', { payload: Count })
class Even {
  async checkPayload({ count }: Count): Promise<void> {
    if (count % 2 === 1) throw new InvalidPayload([{ pointer: '/count', message: 'must be even' }]);
  }
  async run(): Promise<void> {}
}
@JobHandler('sweep', { internal: true })
class Sweep {
  async run(): Promise<void> {}
}
@JobFinishHook()
class Tell implements FinishHook<string> {
  rowFor(run: EndedRun) {
    return run.jobId;
  }
  async insert(): Promise<void> {}
}

async function typesOf(...providers: Type[]): Promise<JobTypes> {
  @Module({ providers })
  class Feature {}
  const module = await Test.createTestingModule({
    imports: [DiscoveryModule, Feature],
    providers: [JobTypes],
  }).compile();
  await module.init();
  return module.get(JobTypes);
}

describe('JobTypes', () => {
  let types: JobTypes;
  beforeAll(async () => {
    types = await typesOf(Greet, Sweep, Tell);
  });

  it('knows every handler by its type and its aliases, and what it asks for', () => {
    expect(['greet', 'hello', 'sweep', 'other'].map((type) => types.has(type))).toEqual([true, true, true, false]);
    expect(types.defaults('hello')).toMatchObject({ queue: 'mail', maxRetries: 1 });
    expect([types.isInternal('sweep'), types.isInternal('greet'), types.isInternal('other')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(types.list()).toMatchObject([
      { type: 'greet', queue: 'mail', aliases: ['hello'] },
      { type: 'sweep', internal: true },
    ]);
    expect(types.finishHooks()).toEqual([expect.any(Tell)]);
  });

  it('gives a valid payload as an instance of its class', async () => {
    const payload = await types.checkPayload('greet', { name: 'Ada', places: [{ city: 'Bern' }] });
    expect(payload).toBeInstanceOf(Greeting);
    expect((payload as Greeting).places![0]).toBeInstanceOf(Place);
  });

  it.each([
    [{}, ['/name']],
    [{ name: 1 }, ['/name']],
    [{ name: 'a', times: 9 }, ['/times']],
    [{ name: 'a', unknown: 1 }, ['/unknown']],
    [{ name: 'a', 'x/y~z': 1 }, ['/x~1y~0z']],
    [{ name: 'a', places: [{ city: 'b' }, { city: 2, more: 1 }] }, ['/places/1/more', '/places/1/city']],
    [{ name: 'a\u0000b' }, ['/name']],
    [{ name: '\ud800' }, ['/name']],
    [[], ['']],
    ['text', ['']],
  ])('refuses %j and points at %j', async (raw, pointers) => {
    const error = await types.checkPayload('greet', raw).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InvalidPayload);
    expect((error as InvalidPayload).errors.map(({ pointer }) => pointer)).toEqual(expect.arrayContaining(pointers));
    expect((error as InvalidPayload).errors.every(({ pointer }) => pointers.includes(pointer))).toBe(true);
  });

  it('takes only an empty payload where the handler declares none', async () => {
    await expect(types.checkPayload('sweep', undefined)).resolves.toEqual({});
    await expect(types.checkPayload('sweep', { a: 1 })).rejects.toThrow(InvalidPayload);
  });

  it('asks the handler about a payload that its class has found well formed', async () => {
    const even = await typesOf(Even);
    await expect(even.checkPayload('even', { count: 2 })).resolves.toEqual({ count: 2 });
    await expect(even.checkPayload('even', { count: 3 })).rejects.toMatchObject({ errors: [{ pointer: '/count' }] });
    await expect(even.checkPayload('even', { count: 'a' })).rejects.toMatchObject({
      errors: [{ pointer: '/count', message: expect.stringContaining('integer') }],
    });
  });

  it('names a type that does not exist', async () => {
    await expect(types.checkPayload('other', {})).rejects.toThrow(UnknownJobType);
  });

  it('stops the boot where two handlers answer to one name, alias or not', async () => {
    @JobHandler('hello')
    class Other {
      async run(): Promise<void> {}
    }
    await expect(typesOf(Greet, Other)).rejects.toThrow('job type "hello" has two handlers: Greet and Other');
  });

  it('stops the boot where a handler cannot run', async () => {
    @JobHandler('broken')
    class Broken {}
    await expect(typesOf(Broken)).rejects.toThrow('Broken handles job type "broken" but has no run method');
  });
});
