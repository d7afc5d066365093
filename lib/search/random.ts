import { checkedOptions, type SearchOptions, type SearchResult } from './options.js';
import { Search, type Strategy } from './search.js';
import type { SampleOf, Space } from './space.js';

/** How often a sample is drawn again that has been drawn before. */
const attempts = 100;

/**
 * Random search (Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012) over a declared space, with
 * successive halving where `epochs` say so: candidates are drawn independently, no two the same where the space has
 * enough, and trained; the best by its score on the validation data is the result.
 *
 * ```ts
 * const { best, trainer } = await search.randomSearch({
 *   space: { width: search.choice([8, 16, 32]), lr: search.float(1e-4, 1e-1, { log: true }) },
 *   build: ({ width, lr }) => trainerOf(width, lr),
 *   ...{ train, validation, trials: 27, epochs: { min: 1, max: 9, eta: 3 }, seed: 1, folder: 'search' },
 * });
 * ```
 *
 * The same options give the same result, whatever interrupts it: a process that was killed goes on from its folder. While
 * it runs, random numbers of the process are the search's; those of before go on afterwards.
 *
 * @throws TypeError, RangeError for options that are none, StriateError where no candidate works, or the folder is of another
 *   search; the signal's reason when aborted; what `build` throws but RangeError and StriateError
 */
export async function randomSearch<const S extends Space>(
  options: SearchOptions<S>,
): Promise<SearchResult<SampleOf<S>>> {
  const checked = checkedOptions('randomSearch', options, (trials) => trials);
  const seen = new Set<string>();
  const propose: Strategy['propose'] = (_done, draws) => {
    let sample = checked.part.draw(draws);
    for (let i = 0; i < attempts && seen.has(JSON.stringify(sample)); i++) sample = checked.part.draw(draws);
    seen.add(JSON.stringify(sample));
    return { sample, parent: null };
  };
  return new Search(checked, { propose, declaration: {} }).run();
}
