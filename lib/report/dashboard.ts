import { describe } from '../describe.js';
import type { BatchEnd, Callback, EpochEnd, TrainBegin, TrainEnd } from '../train/callback.js';
import { checkedReportOptions, type ReportOptions } from './options.js';
import { assets, page, policyOf, type Assets } from './page.js';
import { Recorder, type RecorderOptions } from './recorder.js';
import { LoopbackServer } from './server.js';
import { Changes, View, waiting, type Content } from './view.js';

export interface DashboardOptions extends ReportOptions {
  /** Default: 8737. 0 is one that is free. */
  port?: number | undefined;
  /** Default: '127.0.0.1'. */
  host?: '127.0.0.1' | '::1' | undefined;
  /** Whether the page is served on when training has ended, until close(); the process lives as long. Default: false. */
  stay?: boolean | undefined;
  /** Pages that are told news at once; further ones show what was when they were opened. Default: 8. */
  maxClients?: number | undefined;
}

/** Milliseconds between two messages to the pages. */
const pace = 250;

/**
 * Serves a page that shows training as it goes: curves of loss and metrics, learning rate, throughput, predictions,
 * confusion matrix, filters of the first layer, activations, epochs, layers, progress and the time left. A callback of one
 * fit() at a time.
 *
 * ```ts
 * const dashboard = new Dashboard({ title: 'LeNet-5 on MNIST' });
 * console.log(`see ${await dashboard.listen()}`);
 * await trainer.fit(train, { epochs: 5, validation, callbacks: [dashboard] });
 * ```
 *
 * It is for this machine alone: it listens on a loopback address, answers GET requests that name such an address, and the
 * page asks for nothing but its own events. Other users of the machine can see it, too.
 *
 * Training is slowed little: pages are told at most 4 times a second, with what has changed; the model is looked at when an
 * epoch has ended, on few samples, and less often where that would take more than a twentieth of the time. Memory is
 * bounded: a curve has at most 2,000 points, each the mean of as many batches as it takes; epochs are listed up to 100.
 *
 * @throws TypeError, RangeError for options that are none; StriateError, out of listen() or fit(), where the port is taken or
 *   the package uplot is not installed
 */
export class Dashboard implements Callback, AsyncDisposable {
  readonly host: string;
  readonly stay: boolean;
  readonly #port: number;
  readonly #options: RecorderOptions;
  readonly #server: LoopbackServer;
  #listening: Promise<string> | null = null;
  #assets: Assets | null = null;
  /** Of the training that runs. */
  #recorder: Recorder | null = null;
  /** Of that, or of the last. */
  #view: View | null = null;
  #changes: Changes | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor({
    port = 8737,
    host = '127.0.0.1',
    stay = false,
    maxClients = 8,
    ...options
  }: DashboardOptions = {}) {
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new RangeError(`Dashboard: port is ${describe(port)}, wants a whole number from 0 to 65535`);
    }
    if (!['127.0.0.1', '::1'].includes(host)) {
      throw new RangeError(
        `Dashboard: host is ${describe(host)}, wants '127.0.0.1' or '::1', as it is for this machine alone`,
      );
    }
    if (typeof stay !== 'boolean') {
      throw new TypeError(`Dashboard: stay is ${describe(stay)}, wants true or false`);
    }
    if (!Number.isInteger(maxClients) || maxClients < 1 || maxClients > 32) {
      throw new RangeError(
        `Dashboard: maxClients is ${describe(maxClients)}, wants a whole number from 1 to 32`,
      );
    }
    this.#options = checkedReportOptions('Dashboard', options);
    this.#port = port;
    this.host = host;
    this.stay = stay;
    this.#server = new LoopbackServer(
      { page: () => this.#page(), whole: () => JSON.stringify(this.#content()) },
      maxClients,
    );
  }

  /**
   * Begins to serve, where it does not yet; fit() asks for it itself.
   *
   * @returns the address of the page
   */
  listen(): Promise<string> {
    this.#listening ??= this.#listen().catch((error: unknown) => {
      this.#listening = null;
      throw error;
    });
    return this.#listening;
  }

  async #listen(): Promise<string> {
    this.#assets = await assets();
    const port = await this.#server.listen(this.host, this.#port);
    return `http://${this.host === '::1' ? '[::1]' : this.host}:${port}/`;
  }

  /** Ends the service. Pages that are open keep what they show. */
  async close(): Promise<void> {
    this.#pause();
    if (!this.#listening) return;
    await this.#listening.catch(() => undefined);
    this.#listening = null;
    await this.#server.close();
  }

  /** close(), for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async onTrainBegin(event: TrainBegin): Promise<void> {
    await this.listen();
    const recorder = new Recorder(event, this.#options);
    await recorder.begin(this.#options);
    this.#recorder = recorder;
    this.#view = new View(recorder);
    this.#changes = new Changes(this.#view);
    this.#server.tell(JSON.stringify(this.#content()));
    this.#timer = setInterval(() => this.#tell(event), pace);
    this.#timer.unref();
  }

  onEpochBegin(): void {
    this.#recorder?.epochBegin();
  }

  onBatchEnd(event: BatchEnd): void {
    this.#recorder?.batchEnd(event);
  }

  async onEpochEnd(event: EpochEnd): Promise<void> {
    await this.#recorder?.epochEnd(event);
  }

  async onTrainEnd(event: TrainEnd): Promise<void> {
    try {
      this.#recorder?.end(event);
      // Unless it has failed before.
      if (this.#timer) this.#tell(event);
    } finally {
      this.#recorder = null;
      this.#pause();
      if (!this.stay) await this.close();
    }
  }

  #tell({ trainer }: TrainBegin | TrainEnd): void {
    if (this.#server.clients === 0) return;
    try {
      const update = this.#changes?.next();
      if (update) this.#server.tell(JSON.stringify(update));
    } catch (error) {
      // Out of a timer it would end the process, and training with it.
      this.#pause();
      trainer.warn(`Dashboard: the page cannot be drawn: ${String(error)}; training goes on`);
    }
  }

  #pause(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  #content(): Content {
    return this.#view?.whole() ?? waiting(this.#options.title);
  }

  #page(): { markup: string; policy: string } {
    const parts = this.#assets!;
    return { markup: page(this.#content(), parts, true), policy: policyOf(parts, true) };
  }
}
