import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { search, StriateError } from '../../lib/index.js';
import { common, space, weightsOf } from './runs.js';

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'striate-search-'));
});
afterAll(() => rm(parent, { recursive: true }));
const folderOf = () => mkdtemp(join(parent, 'run-'));

describe('the folder of a search', () => {
  const options = (folder?: string) => ({
    ...common(),
    ...{ folder, trials: 9, population: 3, tournament: 2, epochs: { min: 1, max: 3, eta: 3 } },
  });
  const files = async (folder: string) => (await readdir(folder)).sort();

  test(
    'goes on to the same result, interrupted before and after any training',
    { timeout: 120_000 },
    async () => {
      const whole = await folderOf();
      const events: string[] = [];
      const reference = await search.evolutionarySearch({
        ...options(whole),
        onProgress: ({ kind, trial, rung }) => void events.push(`${kind} ${trial.number}.${rung}`),
      });
      const weights = await weightsOf(reference.trainer);
      expect(events).toHaveLength(2 * (9 + 3));
      const state = await readFile(join(whole, 'search.json'), 'utf8');
      for (const k of [0, 3, 7, 12, 18, events.length - 1]) {
        const folder = await folderOf();
        let count = 0;
        const interrupted = search.evolutionarySearch({
          ...options(folder),
          onProgress() {
            if (count++ === k) throw new Error('interrupted');
          },
        });
        await expect(interrupted).rejects.toThrow('interrupted');
        const resumed: boolean[] = [];
        const result = await search.evolutionarySearch({
          ...options(folder),
          onProgress(event) {
            if (event.kind === 'begin') resumed.push(event.resumed);
          },
        });
        expect(resumed.filter(Boolean)).toHaveLength(Math.ceil(k / 2));
        expect([result.best, result.trials]).toEqual([reference.best, reference.trials]);
        expect(await weightsOf(result.trainer)).toEqual(weights);
        expect(await readFile(join(folder, 'search.json'), 'utf8')).toBe(state);
        expect(await files(folder)).toEqual(await files(whole));
      }
      expect(await files(whole)).toHaveLength(2);
    },
  );

  test('of a search that is done gives its result at once', async () => {
    const folder = await folderOf();
    const first = await search.evolutionarySearch(options(folder));
    const resumed: boolean[] = [];
    const again = await search.evolutionarySearch({
      ...options(folder),
      onProgress: (event) => void resumed.push(event.resumed),
    });
    expect(resumed.every(Boolean)).toBe(true);
    expect([again.best, again.trials]).toEqual([first.best, first.trials]);
    expect(await weightsOf(again.trainer)).toEqual(await weightsOf(first.trainer));
  });

  test('of one whose time was up gives what there is, and goes on', async () => {
    const reference = await search.evolutionarySearch(options());
    const folder = await folderOf();
    const stopped = search.evolutionarySearch({
      ...options(folder),
      onProgress({ trial, kind }) {
        if (kind === 'end' && trial.number === 6) throw new Error('stopped');
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    const part = await search.evolutionarySearch({ ...options(folder), maxSeconds: 0 });
    expect(part.finished).toBe(false);
    expect(part.best.epochs).toBe(3);
    const { accuracy } = await part.trainer.evaluate(common().validation);
    expect(accuracy).toBe(part.best.score);
    const whole = await search.evolutionarySearch(options(folder));
    expect([whole.finished, whole.trials]).toEqual([true, reference.trials]);
  });

  test('of another search is refused, and so is a damaged one', async () => {
    const folder = await folderOf();
    await search.evolutionarySearch(options(folder));
    const file = join(folder, 'search.json');
    await expect(search.evolutionarySearch({ ...options(folder), seed: 6 })).rejects.toThrow(StriateError);
    await expect(search.evolutionarySearch({ ...options(folder), seed: 6 })).rejects.toThrow(
      `${file}: is of another search: seed is 5, wants 6`,
    );
    await expect(search.randomSearch(options(folder))).rejects.toThrow(
      /kind is "evolutionarySearch", wants "randomSearch"/,
    );
    const wider = { ...options(folder), space: { ...space, lr: search.float(1e-3, 2, { log: true }) } };
    await expect(search.evolutionarySearch(wider)).rejects.toThrow(/is of another search: space is/);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/"lr": 0\.0*/, '"lr": 0.1'));
    await expect(search.evolutionarySearch(options(folder))).rejects.toThrow(/trial 1 has another sample/);
    for (const damaged of [text.slice(0, 200), '', '[]', text.replace('"version": 1', '"version": 2')]) {
      await writeFile(file, damaged);
      await expect(search.evolutionarySearch(options(folder))).rejects.toThrow(`${file}: is damaged`);
    }
    await expect(search.randomSearch(options(join(file, 'inside')))).rejects.toThrow(
      /cannot make the folder of/,
    );
    expect(existsSync(file)).toBe(true);
  });
});
