/** As much of S3 as S3Storage speaks, in memory, over real HTTP: the SDK on the other side is the real one. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Unfinished {
  key: string;
  parts: Map<number, Buffer>;
  initiated: Date;
}

export class S3StandIn {
  readonly objects = new Map<string, { bytes: Buffer; modifiedAt: Date }>();
  readonly unfinished = new Map<string, Unfinished>();
  /** Requests answered with 503 from now on; the SDK tries each three times. */
  refuse: (request: IncomingMessage) => boolean = () => false;
  private readonly server: Server = createServer((request, response) => {
    this.answer(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const [, , ...path] = url.pathname.split('/');
    const key = decodeURIComponent(path.join('/'));
    const body = await read(request);
    if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 ')) return fault(response, 403, 'AccessDenied');
    if (this.refuse(request)) return fault(response, 503, 'SlowDown');
    const operation = `${request.method} ${operationOf(url.searchParams)}`;
    switch (key === '' ? `${operation} bucket` : operation) {
      case 'PUT object':
        return this.putObject(key, body, request, response);
      case 'GET object':
      case 'HEAD object':
        return this.getObject(key, request, response);
      case 'DELETE object':
        this.objects.delete(key);
        return void response.writeHead(204).end();
      case 'GET list bucket':
        return this.list(url.searchParams, response);
      case 'GET uploads bucket':
        return this.listUploads(response);
      default:
        return this.multipart(operation, key, url.searchParams, body, response);
    }
  }

  private putObject(key: string, body: Buffer, request: IncomingMessage, response: ServerResponse): void {
    const source = request.headers['x-amz-copy-source'];
    const copied =
      typeof source === 'string'
        ? this.objects.get(decodeURIComponent(source).replace(/^\/?[^/]+\//, ''))
        : { bytes: body };
    if (!copied) return fault(response, 404, 'NoSuchKey');
    this.objects.set(key, { bytes: copied.bytes, modifiedAt: new Date() });
    if (source) xml(response, '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>');
    else response.writeHead(200, { etag: '"e"' }).end();
  }

  private getObject(key: string, request: IncomingMessage, response: ServerResponse): void {
    const object = this.objects.get(key);
    if (!object) return fault(response, 404, 'NoSuchKey');
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (range && Number(range[1]) >= object.bytes.length) return fault(response, 416, 'InvalidRange');
    const bytes = range ? object.bytes.subarray(Number(range[1]), Number(range[2]) + 1) : object.bytes;
    response.writeHead(range ? 206 : 200, {
      'content-length': bytes.length,
      'last-modified': object.modifiedAt.toUTCString(),
      etag: '"e"',
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }

  private multipart(
    operation: string,
    key: string,
    query: URLSearchParams,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const id = query.get('uploadId') ?? `upload-${this.unfinished.size + 1}-${key}`;
    const upload = this.unfinished.get(id);
    if (operation === 'POST uploads') {
      this.unfinished.set(id, { key, parts: new Map(), initiated: new Date() });
      return xml(
        response,
        `<InitiateMultipartUploadResult><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (!upload) return fault(response, 404, 'NoSuchUpload');
    if (operation === 'PUT part') {
      upload.parts.set(Number(query.get('partNumber')), body);
      return void response.writeHead(200, { etag: `"${query.get('partNumber')}"` }).end();
    }
    this.unfinished.delete(id);
    if (operation === 'DELETE upload') return void response.writeHead(204).end();
    const bytes = Buffer.concat([...upload.parts].sort(([a], [b]) => a - b).map(([, part]) => part));
    this.objects.set(key, { bytes, modifiedAt: new Date() });
    xml(response, `<CompleteMultipartUploadResult><Key>${key}</Key><ETag>"e"</ETag></CompleteMultipartUploadResult>`);
  }

  /** Two objects a page, so that paging is seen to work. */
  private list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = keys.slice(0, 2);
    const contents = page.map((key) => {
      const { bytes, modifiedAt } = this.objects.get(key)!;
      return `<Contents><Key>${key}</Key><Size>${bytes.length}</Size><LastModified>${modifiedAt.toISOString()}</LastModified></Contents>`;
    });
    const more = keys.length > page.length;
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    xml(response, `<ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`);
  }

  private listUploads(response: ServerResponse): void {
    const uploads = [...this.unfinished].map(
      ([id, { key, initiated }]) =>
        `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
    );
    xml(response, `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>`);
  }
}

function operationOf(query: URLSearchParams): string {
  if (query.has('partNumber')) return 'part';
  if (query.has('uploadId')) return 'upload';
  if (query.has('uploads')) return 'uploads';
  return query.has('list-type') ? 'list' : 'object';
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const xml = (response: ServerResponse, body: string) =>
  void response
    .writeHead(200, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>${body}`);
const fault = (response: ServerResponse, status: number, code: string) =>
  void response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
