import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { TestApp } from '../../support/test-app.js';

export interface StreamOptions {
  /** Cuts the connection after so many bytes. */
  hangUpAfter?: number;
  /** Leaves out the boundary that ends the form. */
  withoutEnd?: boolean;
}

/** A chunked upload, written by hand: no Content-Length announces its size, and its content is made as it goes. Status 0: no answer came. */
export async function streamUpload(
  app: Pick<TestApp, 'url' | 'accessToken'>,
  bytes: number,
  { hangUpAfter = Infinity, withoutEnd = false }: StreamOptions = {},
): Promise<{ status: number; body: string }> {
  const token = await app.accessToken('Member');
  const boundary = `----${randomBytes(8).toString('hex')}`;
  const request = http.request(`${app.url}/api/v2/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': `multipart/form-data; boundary=${boundary}` },
  });
  const answer = new Promise<{ status: number; body: string }>((resolve) => {
    request.on('error', () => resolve({ status: 0, body: '' }));
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });
  request.write(
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="big.csv"\r\n\r\nid,text${randomBytes(4).toString('hex')}\n`,
  );
  const piece = `1,${'x'.repeat(997)}\n`;
  for (let sent = 0; sent < bytes && !request.destroyed; sent += piece.length * 64) {
    if (sent >= hangUpAfter) request.destroy();
    else if (!request.write(piece.repeat(64)))
      await Promise.race([new Promise((resolve) => request.once('drain', resolve)), answer]);
  }
  if (!request.destroyed) request.end(withoutEnd ? '' : `\r\n--${boundary}--\r\n`);
  return answer;
}
