/** What the targets of rows say: 'class' labels or names of classes, 'value' numbers. */
export type TargetType = 'class' | 'value';

/** Far more than any network has outputs. */
const mostClasses = 1_000_000;

export interface ClassLabels {
  labels: Int32Array;
  classes: readonly string[];
}

/**
 * Labels of classes given by name or number. `classes` tells the names in the order of the labels; without it they are
 * all names that there are, in the order of their characters, or 0, 1, … where all are whole numbers.
 *
 * @param nameOf what an error calls the place of one
 * @throws RangeError for a class that is not among `classes`, a number that is no label, and one class alone
 */
export function classLabels(
  given: readonly (string | number)[],
  classes: readonly string[] | undefined,
  nameOf: (i: number) => string,
): ClassLabels {
  const names = given.map((each) => String(each).trim());
  const numbers = names.map((name) => (/^\d+$/.test(name) ? Number(name) : NaN));
  const numbered = numbers.every((number) => !Number.isNaN(number));
  const places = new Map((classes ?? sortedNames(names, numbered)).map((name, label) => [name, label]));
  const known = names.every((name) => places.has(name));
  const labels = new Int32Array(names.length);
  for (const [i, name] of names.entries()) {
    const label = (known ? places.get(name) : numbered ? numbers[i] : places.get(name)) ?? NaN;
    if (classes === undefined && !numbered && looksLikeValue(name)) {
      throw new RangeError(
        `${nameOf(i)}: ${name} is no name of a class, nor a label; targets that are numbers want targetType 'value'`,
      );
    }
    if (!(label < places.size)) {
      throw new RangeError(`${nameOf(i)}: '${name}' is no class, wants one of ${listed(places)}`);
    }
    labels[i] = label;
  }
  if (classes === undefined && new Set(labels).size === 1) {
    throw new RangeError(`${nameOf(0)}: all samples are of class '${names[0]}', wants two classes or more`);
  }
  return { labels, classes: [...places.keys()] };
}

function sortedNames(names: readonly string[], numbered: boolean): string[] {
  const distinct = [...new Set(names)];
  if (!numbered) return distinct.sort();
  const most = distinct.reduce((largest, name) => Math.max(largest, Number(name)), -1);
  return Array.from({ length: Math.min(most + 1, mostClasses) }, (_, label) => String(label));
}

/** A fraction or a negative number: what a regression has for targets. */
function looksLikeValue(name: string): boolean {
  return name !== '' && Number.isFinite(Number(name)) && !/^\d+$/.test(name);
}

function listed(places: ReadonlyMap<string, number>): string {
  const names = [...places.keys()];
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');
}
