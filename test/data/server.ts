// A server on this machine that does what servers on the way to a file do.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export class Loopback {
  readonly #server: Server;
  /** The Range that each request had. */
  readonly ranges: (string | undefined)[] = [];
  /** What is done with the requests to come, one after the other; the last with all others. */
  answers: Answer[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      this.ranges.push(request.headers.range);
      const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
      answer?.(request, response);
    });
  }

  static async start(): Promise<Loopback> {
    const loopback = new Loopback();
    await new Promise<void>((resolve) => loopback.#server.listen(0, '127.0.0.1', resolve));
    return loopback;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Sends these bytes, or the rest from where the request asks, and after `most` of them closes the connection. */
export function sends(bytes: Uint8Array, { ranges = true, most = Infinity } = {}): Answer {
  return (request, response) => {
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? NaN);
    const from = ranges && !Number.isNaN(asked) ? asked : 0;
    if (from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const rest = bytes.subarray(from);
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(from > 0 ? { 'content-range': range } : {}),
    });
    if (rest.length <= most) response.end(rest);
    // The end of the connection, not a reset, which would take back what is on its way.
    else response.write(rest.subarray(0, most), () => response.socket?.end());
  };
}

/** Sends the beginning, and then nothing. */
export function hangsAfter(bytes: Uint8Array, most: number): Answer {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, most));
  };
}

export function refuses(status: number): Answer {
  return (_request, response) => void response.writeHead(status).end('no');
}
