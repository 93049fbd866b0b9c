import { PassThrough } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { guardIncomingBody } from './body.js';
import { Problem } from './problem.js';

const request = (headers: Record<string, string>, method = 'POST') =>
  ({ headers: { 'transfer-encoding': 'chunked', ...headers }, method }) as unknown as FastifyRequest;

describe('guardIncomingBody', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('ends a JSON body that is not complete after 30 s with 408, however it trickles', () => {
    const payload = new PassThrough();
    const errors: unknown[] = [];
    payload.on('error', (error) => errors.push(error));
    guardIncomingBody(request({ 'content-type': 'application/json' }), payload);
    for (let second = 0; second < 29; second++) {
      payload.write('{');
      jest.advanceTimersByTime(1_000);
    }
    expect(errors).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(errors).toEqual([expect.any(Problem)]);
    expect((errors[0] as Problem).status).toBe(408);
  });

  it('waits for an upload, and watches no body that has arrived', () => {
    guardIncomingBody(request({ 'content-type': 'multipart/form-data; boundary=x' }), new PassThrough());
    expect(jest.getTimerCount()).toBe(0);
    guardIncomingBody(request({}, 'GET'), new PassThrough()); // an event stream may stay open for hours
    expect(jest.getTimerCount()).toBe(0);
    const payload = new PassThrough();
    guardIncomingBody(request({}), payload);
    expect(jest.getTimerCount()).toBe(1);
    payload.emit('end');
    expect(jest.getTimerCount()).toBe(0);
  });
});
