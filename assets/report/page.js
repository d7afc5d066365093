// @ts-check
// Runs in the page of a dashboard or a report, after uPlot: draws the curves, and puts in place what a dashboard tells.
'use strict';
(() => {
  /** @typedef {{ name: string, kind: string, from: number, x: number[], y: (number | null)[] }} Line */
  /** @typedef {{ id: string, title: string, format: string, lines: Line[] }} ChartUpdate */
  /** @typedef {{ title?: string, begun?: string | null, parts: Record<string, string>, charts: ChartUpdate[] }} Update */

  /** @param {string} id */
  const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const dark = matchMedia('(prefers-color-scheme: dark)');
  /** @param {string} name */
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  /**
   * @param {string} tag
   * @param {string} [className]
   * @param {string} [text]
   */
  function element(tag, className = '', text = '') {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  /** @param {string} text */
  const minus = (text) => text.replaceAll('-', '−');

  /**
   * @param {number | null | undefined} value
   * @param {string} format
   */
  function formatted(value, format) {
    if (value === null || value === undefined) return '–';
    if (format === 'share') return `${(100 * value).toFixed(1)}%`;
    if (format === 'rate') return Math.round(value).toLocaleString('en-US');
    const size = Math.abs(value);
    const much = size !== 0 && (size < 1e-3 || size >= 1e6);
    return minus(String(Number(much ? value.toExponential(3) : value.toPrecision(4))));
  }

  /** Beside an axis there is room for a few characters. */
  const short = new Intl.NumberFormat('en-US', { notation: 'compact', maximumSignificantDigits: 3 });

  /**
   * @param {number | null} value
   * @param {string} format
   */
  function tick(value, format) {
    if (value === null) return '';
    if (format === 'share') return `${Number((100 * value).toFixed(2))}%`;
    if (value !== 0 && Math.abs(value) < 1e-3) return minus(String(Number(value.toExponential(2))));
    return minus(Math.abs(value) < 1000 ? String(Number(value.toPrecision(4))) : short.format(value));
  }

  const height = 220;

  /** Lines over the number of batches, with buttons that hide them. */
  class Chart {
    /** @param {ChartUpdate} update */
    constructor({ id, title, format }) {
      this.title = title;
      this.format = format;
      this.logarithmic = false;
      /** @type {Line[]} */
      this.lines = [];
      /** @type {Set<string>} */
      this.hidden = new Set();
      /** @type {uPlot | null} */
      this.plot = null;
      /** The first and the last batch that are drawn. @type {(number | undefined)[]} */
      this.span = [];

      this.figure = element('figure', 'chart');
      const heading = element('h3', '', title);
      heading.id = `chart-${id}`;
      heading.dir = 'auto';
      this.figure.setAttribute('aria-labelledby', heading.id);
      this.caption = element('figcaption');
      this.buttons = element('span', 'keys');
      this.caption.append(heading);
      if (id === 'loss' || id === 'rate') {
        const scale = element('button', 'scale', 'log');
        scale.setAttribute('aria-label', `${title}: logarithmic axis`);
        scale.setAttribute('aria-pressed', 'false');
        scale.addEventListener('click', () => {
          this.logarithmic = !this.logarithmic;
          scale.setAttribute('aria-pressed', String(this.logarithmic));
          this.rebuild();
        });
        this.caption.append(scale);
      }
      this.caption.append(this.buttons);
      this.area = element('div', 'plot');
      this.area.tabIndex = 0;
      this.area.setAttribute('role', 'img');
      this.area.addEventListener('keydown', (event) => this.move(event));
      this.area.addEventListener('blur', () => this.plot?.setCursor({ left: -10, top: -10 }));
      this.figure.append(this.caption, this.area);
      new ResizeObserver(() => this.fit()).observe(this.area);
    }

    /** @param {ChartUpdate} update */
    take({ lines }) {
      let added = false;
      for (const { name, kind, from, x, y } of lines) {
        let line = this.lines.find((known) => known.kind === kind);
        if (!line) {
          line = { name, kind, from: 0, x: [], y: [] };
          this.lines.push(line);
          added = true;
        }
        line.name = name;
        line.x.splice(from, Infinity, ...x);
        line.y.splice(from, Infinity, ...y);
      }
      if (added) this.rebuild();
      else this.draw();
    }

    /** Points that the chart has, one column for each line. @returns {uPlot.AlignedData} */
    data() {
      if (this.lines.length === 0) return [[]];
      // A logarithm is of what is above 0.
      const above = /** @param {(number | null)[]} y */ (y) =>
        y.map((value) => (value !== null && (value > 0 || !this.logarithmic) ? value : null));
      return uPlot.join(this.lines.map(({ x, y }) => /** @type {uPlot.AlignedData} */ ([[...x], above(y)])));
    }

    rebuild() {
      const order = ['batch', 'training', 'validation'];
      this.lines.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
      this.plot?.destroy();
      this.plot = null;
      this.buttons.replaceChildren(...this.lines.map((line) => this.button(line)));
      const data = this.data();
      this.plot = new uPlot(this.options(), data, this.area);
      this.describe();
    }

    /** @param {Line} line */
    button({ kind }) {
      const button = element('button', kind);
      button.setAttribute('aria-pressed', String(!this.hidden.has(kind)));
      button.addEventListener('click', () => {
        if (!this.hidden.delete(kind)) this.hidden.add(kind);
        button.setAttribute('aria-pressed', String(!this.hidden.has(kind)));
        const place = this.lines.findIndex((line) => line.kind === kind);
        this.plot?.setSeries(place + 1, { show: !this.hidden.has(kind) });
      });
      return button;
    }

    /** @returns {uPlot.Options} */
    options() {
      const axis = () => color('soft');
      const grid = { stroke: () => color('rule'), width: 1 };
      const font = '12px system-ui, sans-serif';
      return {
        width: Math.max(50, this.area.clientWidth),
        height,
        scales: { x: { time: false }, y: this.logarithmic ? { distr: 3 } : {} },
        legend: { show: false },
        padding: [8, 16, 0, 0],
        cursor: { y: false, points: { size: 7 }, sync: { key: 'batches' } },
        axes: [
          {
            stroke: axis,
            grid,
            ticks: { show: false },
            font,
            size: 28,
            space: 60,
            incrs: steps,
            values: (_, splits) => splits.map((value) => tick(value, 'number')),
          },
          {
            stroke: axis,
            grid,
            ticks: { show: false },
            font,
            size: 58,
            gap: 6,
            values: (_, splits) => splits.map((value) => tick(value, this.format)),
          },
        ],
        series: [
          {},
          ...this.lines.map(({ kind, x }) => ({
            show: !this.hidden.has(kind),
            stroke: () => color(kind),
            width: kind === 'batch' ? 1 : 2,
            spanGaps: kind !== 'batch' || this.lines.length > 1,
            points: { show: () => kind !== 'batch' && x.length <= 60, size: 5, fill: () => color(kind) },
          })),
        ],
        hooks: { setCursor: [() => this.tell()] },
      };
    }

    draw() {
      if (!this.plot || document.hidden) return;
      // Someone who looks at a part of it goes on doing so.
      const { min, max } = this.plot.scales['x'] ?? {};
      const [first, last] = this.span;
      const part = first !== last && (min !== first || max !== last);
      this.plot.setData(this.data(), !part);
      if (part) this.plot.redraw();
      this.describe();
    }

    /** What the picture shows, in words. */
    describe() {
      const drawn = this.plot?.data[0] ?? [];
      this.span = [drawn[0], drawn[drawn.length - 1]];
      const values = this.lines.map(
        ({ name, y }) =>
          `${name} ${formatted(
            y.findLast((value) => value !== null),
            this.format,
          )}`,
      );
      const batches = (this.span[1] ?? 0).toLocaleString('en-US');
      this.area.setAttribute(
        'aria-label',
        `${this.title} over ${batches} batches, at the end: ${values.join(', ')}. The arrow keys read values.`,
      );
      this.tell();
    }

    /** The values at the cursor, or the last ones, stand on the buttons. */
    tell() {
      const { plot } = this;
      if (!plot) return;
      const at = plot.cursor.idx ?? null;
      this.lines.forEach(({ name, y }, i) => {
        const value = at === null ? y.findLast((some) => some !== null) : this.near(i, at);
        const button = this.buttons.children[i];
        const text = `${name} ${formatted(value, this.format)}`;
        if (button && button.textContent !== text) button.textContent = text;
      });
    }

    /**
     * The value of a line at a place, or the last before it.
     * @param {number} line
     * @param {number} at
     */
    near(line, at) {
      const values = this.plot?.data[line + 1];
      for (let i = at; values && i >= 0; i--) {
        const value = values[i];
        if (value !== null && value !== undefined) return value;
      }
      return null;
    }

    /** @param {KeyboardEvent} event */
    move(event) {
      const { plot } = this;
      if (!plot) return;
      const x = plot.data[0];
      const last = x.length - 1;
      const at = plot.cursor.idx ?? last + 1;
      const stride = Math.max(1, Math.round(x.length / 50));
      const target = new Map([
        ['ArrowLeft', at - stride],
        ['ArrowRight', at + stride],
        ['Home', 0],
        ['End', last],
      ]).get(event.key);
      if (target === undefined || last < 0) return;
      event.preventDefault();
      const place = Math.max(0, Math.min(last, target));
      plot.setCursor({ left: plot.valToPos(x[place] ?? 0, 'x'), top: 10 });
      const values = Array.from(this.buttons.children, (button) => button.textContent);
      byId('spoken').textContent = `batch ${x[place]}: ${values.join(', ')}`;
    }

    fit() {
      const width = this.area.clientWidth;
      if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height });
    }
  }

  /** Between two numbers on the axis of batches: whole ones. */
  const steps = Array.from({ length: 12 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();

  /** @type {Map<string, Chart>} */
  const charts = new Map();

  /** @param {Update} update */
  function take({ title, begun, parts, charts: updates }) {
    if (title !== undefined) {
      byId('title').textContent = title;
      document.title = `${title} · striate`;
    }
    if (begun) byId('begun').textContent = `Begun ${begun.slice(0, 16).replace('T', ' ')} UTC`;
    for (const [part, markup] of Object.entries(parts)) {
      // Made, with all text escaped, by the dashboard that served this page.
      const place = document.querySelector(`[data-part="${part}"]`);
      if (place) place.innerHTML = markup;
    }
    for (const update of updates) {
      let chart = charts.get(update.id);
      if (!chart) {
        chart = new Chart(update);
        charts.set(update.id, chart);
        byId('charts').append(chart.figure);
      }
      chart.take(update);
    }
  }

  function listen() {
    const events = new EventSource('/events');
    const notice = byId('connection');
    events.addEventListener('open', () => {
      notice.textContent = '';
    });
    events.addEventListener('message', ({ data }) => {
      const update = /** @type {Update} */ (JSON.parse(data));
      // All of it comes at first, and after a pause: another training may have begun.
      if (update.title !== undefined) {
        charts.clear();
        byId('charts').replaceChildren();
      }
      take(update);
    });
    events.addEventListener('end', () => events.close());
    events.addEventListener('error', () => {
      notice.textContent =
        events.readyState === EventSource.CLOSED
          ? 'No news any more: too many pages listen, or the dashboard has ended. Load the page again to see more.'
          : 'The connection is lost; trying again.';
    });
  }

  const { live, charts: first } = JSON.parse(byId('data').textContent ?? '');
  take({ parts: {}, charts: first });
  dark.addEventListener('change', () => charts.forEach((chart) => chart.rebuild()));
  document.addEventListener('visibilitychange', () => charts.forEach((chart) => chart.draw()));
  if (live) listen();
})();
