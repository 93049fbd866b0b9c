/**
 * A TCP proxy that can fall silent: what is sent to it vanishes, nothing is closed, and neither end hears of it. So looks a connection
 * whose way was lost (a firewall that forgot it, a cable pulled, a host that vanished).
 */
import net from 'node:net';

export interface HalfOpenProxy {
  port: number;
  /** From now on nothing is forwarded, in either direction; new connections are taken and hear nothing. */
  silence(): void;
  /** The same, from just before the next bytes of a client in which `words` stands, and those vanish as well. */
  silenceAt(words: string): Promise<void>;
  /** New connections are forwarded again; those of the time before stay silent for ever. */
  restore(): void;
  /** Ends both halves of everything that fell silent, as keepalives would after a while. */
  close(): Promise<void>;
}

export async function startHalfOpenProxy(target: { port: number }): Promise<HalfOpenProxy> {
  const sockets = new Set<net.Socket>();
  let silent = false;
  let generation = 0;
  let trigger: { words: string; reached: () => void } | undefined;
  const silence = () => {
    silent = true;
    generation++;
  };
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  };
  const server = net.createServer((client) => {
    keep(client);
    if (silent) {
      client.resume(); // taken, and swallowed
      return;
    }
    const born = generation;
    const upstream = net.connect(target.port, '127.0.0.1');
    keep(upstream);
    const alive = () => born === generation;
    forward(client, upstream, (chunk) => {
      if (trigger && chunk.includes(trigger.words)) {
        silence();
        trigger.reached();
        trigger = undefined;
      }
      return alive();
    });
    forward(upstream, client, alive);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    silence,
    silenceAt: (words) =>
      new Promise((reached) => {
        trigger = { words, reached };
      }),
    restore: () => {
      silent = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(from: net.Socket, to: net.Socket, passes: (chunk: Buffer) => boolean): void {
  from.on('data', (chunk: Buffer) => {
    if (passes(chunk)) to.write(chunk);
  });
  from.on('end', () => {
    if (passes(Buffer.alloc(0))) to.end();
  });
  from.on('close', () => {
    if (passes(Buffer.alloc(0))) to.destroy();
  });
}
