import type { Readable } from 'node:stream';
import type { Encoding } from './formats/format.js';
import { ChunkDecoder } from './formats/text-decoder.js';

/** The chunks of a stream, until the signal fires; closes the stream however it ends. @throws the signal's reason */
export async function* bytesOf(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      yield chunk;
    }
    signal.throwIfAborted();
  } finally {
    stream.destroy();
  }
}

/** Decoded text, piece by piece, each with the share (0–1) of `total` bytes that has been read with it. */
export async function* textOf(
  stream: Readable,
  encoding: Encoding,
  total: number,
  signal: AbortSignal,
): AsyncGenerator<{ text: string; share: number }> {
  const decoder = new ChunkDecoder(encoding);
  let read = 0;
  for await (const chunk of bytesOf(stream, signal)) {
    read += chunk.length;
    yield { text: decoder.write(chunk), share: read / total };
  }
  yield { text: decoder.end(), share: 1 };
}
