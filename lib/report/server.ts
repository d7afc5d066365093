import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StriateError } from '../native.js';

/** What a server hands out: a page, and what to tell one who begins to listen. */
export interface Source {
  page(): { markup: string; policy: string };
  whole(): string;
}

interface Client {
  response: ServerResponse;
  /** Whether what it was told last is still on its way; it is told nothing until then, and all afterwards. */
  behind: boolean;
  missed: boolean;
}

const mostConnections = 64;
/** Milliseconds that closing waits for what is on its way. */
const closingTime = 1000;

/**
 * Serves a page and its events to this machine. It answers GET alone, and only to one who asks for it by an address or name
 * of this machine, which keeps out pages of the web whose name was made to point here; and it reads nothing from disk.
 */
export class LoopbackServer {
  readonly #source: Source;
  readonly #mostClients: number;
  readonly #clients = new Set<Client>();
  #server: Server | null = null;
  #names = new Set<string>();

  constructor(source: Source, mostClients: number) {
    this.#source = source;
    this.#mostClients = mostClients;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** @returns the port, which is the one that was asked for unless that is 0 */
  async listen(host: string, port: number): Promise<number> {
    // Loaded when it is needed: it takes a while.
    const { createServer } = await import('node:http');
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000, keepAliveTimeout: 5000 });
    server.maxConnections = mostConnections;
    server.on('request', (request, response) => {
      try {
        this.#answer(request, response);
      } catch (error) {
        // Out of here it would end the process, and training with it.
        refuse(response, 500, `The page cannot be drawn: ${String(error)}\n`);
      }
    });
    await new Promise<void>((resolve, reject) => {
      server.on('error', (cause: NodeJS.ErrnoException) => reject(failure(host, port, cause)));
      server.listen({ host, port, exclusive: true }, resolve);
    });
    this.#server = server;
    const { port: given } = server.address() as AddressInfo;
    this.#names = new Set(['127.0.0.1', '[::1]', 'localhost'].map((name) => `${name}:${given}`));
    if (given === 80) for (const name of ['127.0.0.1', '[::1]', 'localhost']) this.#names.add(name);
    return given;
  }

  /** Tells all who listen; who is behind will be told everything when there is room. */
  tell(message: string): void {
    for (const client of this.#clients) {
      if (client.behind) client.missed = true;
      else send(client, message);
    }
  }

  /** Ends all connections; those who listen are told that there is no more to come. */
  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { response } of this.#clients) response.end('event: end\ndata: \n\n');
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), closingTime);
    await closed;
    clearTimeout(timer);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const site = request.headers['sec-fetch-site'] ?? 'none';
    if (!this.#names.has(request.headers.host?.toLowerCase() ?? '')) {
      refuse(response, 403, 'This is for the machine that it runs on, by its address.\n');
    } else if (request.method !== 'GET') {
      refuse(response, 405, 'This answers GET alone.\n', { Allow: 'GET' });
    } else if (request.url === '/') {
      const { markup, policy } = this.#source.page();
      response.writeHead(200, {
        ...safety,
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Length': Buffer.byteLength(markup),
        'Content-Security-Policy': `${policy}; frame-ancestors 'none'`,
      });
      response.end(markup);
    } else if (request.url !== '/events') {
      refuse(response, 404, 'There is nothing here but / and /events.\n');
    } else if (site !== 'none' && site !== 'same-origin') {
      refuse(response, 403, 'Events are for the page of this dashboard.\n');
    } else if (this.#clients.size >= this.#mostClients) {
      refuse(response, 503, `There are ${this.#mostClients} listeners already; close another page.\n`, {
        'Retry-After': '10',
      });
    } else {
      this.#join(response);
    }
  }

  #join(response: ServerResponse): void {
    const everything = this.#source.whole();
    response.writeHead(200, { ...safety, 'Content-Type': 'text/event-stream; charset=utf-8' });
    const client: Client = { response, behind: false, missed: false };
    this.#clients.add(client);
    response.on('close', () => this.#clients.delete(client));
    response.on('error', () => this.#clients.delete(client));
    response.on('drain', () => {
      client.behind = false;
      if (!client.missed) return;
      client.missed = false;
      try {
        send(client, this.#source.whole());
      } catch (error) {
        response.destroy(error as Error);
      }
    });
    response.write('retry: 1000\n\n');
    send(client, everything);
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    ...safety,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    Connection: 'close',
    ...headers,
  });
  response.end(text);
}

const safety = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

function send(client: Client, message: string): void {
  if (!client.response.write(`data: ${message}\n\n`)) client.behind = true;
}

function failure(host: string, port: number, cause: NodeJS.ErrnoException): StriateError {
  const what =
    cause.code === 'EADDRINUSE'
      ? `port ${port} of ${host} is taken by another program; choose another, or 0 for one that is free`
      : `cannot listen on port ${port} of ${host}: ${cause.message}`;
  return new StriateError(`Dashboard: ${what}`, { cause });
}
