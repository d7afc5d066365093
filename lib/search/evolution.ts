import { StriateError } from '../native.js';
import { requireWhole } from '../optim/options.js';
import { checkedOptions, type SearchOptions, type SearchResult } from './options.js';
import { ranked, Search, type Strategy } from './search.js';
import type { SampleOf, Space } from './space.js';

export interface EvolutionOptions<S extends Space> extends SearchOptions<S> {
  /** Candidates that may become parents: the youngest. The first ones are drawn. Default: 20, or a third of all. */
  readonly population?: number | undefined;
  /** How many of them, drawn with replacement, a parent is the best of. Default: a quarter of the population. */
  readonly tournament?: number | undefined;
}

/**
 * Regularized evolution (Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture search",
 * 2019) over a declared space, with successive halving where `epochs` say so. The first candidates are drawn at random;
 * each one after them is the best of a tournament within the population, with one thing changed at random, and
 * takes the place of the oldest, however good that is: what stays is what does well again when it is trained anew.
 *
 * With successive halving children come in brackets: their parents are of the brackets before, and who has been trained
 * for longer wins a tournament.
 *
 * ```ts
 * const { best, trainer } = await search.evolutionarySearch({
 *   ...{ space, build, train, validation, trials: 100, epochs: 3, population: 20, tournament: 5, seed: 1 },
 * });
 * ```
 *
 * The same options give the same result, whatever interrupts it; see randomSearch.
 *
 * @throws as randomSearch, and RangeError for a space with nothing to change
 */
export async function evolutionarySearch<const S extends Space>(
  options: EvolutionOptions<S>,
): Promise<SearchResult<SampleOf<S>>> {
  const name = 'evolutionarySearch';
  const usual = (trials: number) => Math.min(20, Math.max(1, Math.floor(trials / 3)));
  const population = options?.population ?? usual(options?.trials ?? 1);
  const tournament = options?.tournament ?? Math.max(1, Math.floor(population / 4));
  const checked = checkedOptions(name, options, () => population);
  requireWhole(`${name}: population`, population, 1);
  requireWhole(`${name}: tournament`, tournament, 1);
  const { trials, bracket, part, mode } = checked;
  if (population > trials)
    throw new RangeError(`${name}: population is ${population}, wants at most ${trials}, trials`);
  if (bracket > population) {
    throw new RangeError(`${name}: bracket is ${bracket}, wants at most the population of ${population}`);
  }
  const propose: Strategy['propose'] = (done, draws) => {
    if (done.length < population) return { sample: part.draw(draws), parent: null };
    const alive = done.slice(-population);
    const drawn = Array.from({ length: tournament }, () => alive[draws.below(alive.length)]!);
    const [parent] = ranked(drawn, mode);
    const places = part.places(parent!.sample);
    if (places === 0) throw new StriateError(`${name}: there is nothing to change in the space`);
    const sample = part.mutate(parent!.sample, draws.below(places), draws);
    return { sample, parent: parent!.number };
  };
  return new Search(checked, { propose, declaration: { population, tournament } }).run();
}
