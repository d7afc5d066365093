import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { data } from '../../lib/index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'striate-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function csv(text: string, options?: data.CsvOptions): Promise<data.TensorDataset> {
  const file = join(folder, 'some.csv');
  await writeFile(file, text);
  return data.csvDataset(file, options);
}

const numbers = async (set: data.TensorDataset) => [
  set.x.shape,
  [...(await set.x.data())],
  set.y.dtype,
  [...(await set.y.data())],
];

describe('csvDataset', () => {
  test('reads names of classes, by default from the last column', async () => {
    const set = await csv('length,width,species\n5,3.5,virginica\n-1e2,+.25,setosa\n6,2,virginica\n');
    expect(await numbers(set)).toEqual([[3, 2], [5, 3.5, -100, 0.25, 6, 2], 'i32', [1, 0, 1]]);
    expect(set.classes).toEqual(['setosa', 'virginica']);
  });

  test('reads labels, by number of the column, without a header, in a shape', async () => {
    const set = await csv('2;1;2;3;4\n0;5;6;7;8', {
      header: false,
      target: 0,
      delimiter: ';',
      shape: [2, 2, 1],
    });
    expect(await numbers(set)).toEqual([[2, 2, 2, 1], [1, 2, 3, 4, 5, 6, 7, 8], 'i32', [2, 0]]);
    expect(set.classes).toEqual(['0', '1', '2']);
  });

  test('reads values, of one column or several', async () => {
    const text = 'a,b,c\n1,2.5,3\n4,5.5,6\n';
    const one = await csv(text, { target: 'b', targetType: 'value' });
    expect(await numbers(one)).toEqual([[2, 2], [1, 3, 4, 6], 'f32', [2.5, 5.5]]);
    expect(one.y.shape).toEqual([2]);
    const two = await csv(text, { target: ['c', 'a'] });
    expect(await numbers(two)).toEqual([[2, 1], [2.5, 5.5], 'f32', [3, 1, 6, 4]]);
    const chosen = await csv(text, { target: -1, features: ['b'], targetType: 'value' });
    expect(await numbers(chosen)).toEqual([[2, 1], [2.5, 5.5], 'f32', [3, 6]]);
  });

  test('knows quotes, CRLF, a byte order mark, blank lines, and lines inside of quotes', async () => {
    const set = await csv('\uFEFF"a ""x""",kind\r\n"1","big, ""red"""\r\n\r\n 2 ,"two\nlines"\r\n');
    expect(await numbers(set)).toEqual([[2, 1], [1, 2], 'i32', [0, 1]]);
    expect(set.classes).toEqual(['big, "red"', 'two\nlines']);
    const again = await csv('"a ""x""",kind\n1,u\n2,v', { target: 'kind', features: ['a "x"'] });
    expect(again.length).toBe(2);
  });

  test('takes classes in the order given, by name or label', async () => {
    const classes = ['low', 'mid', 'high'];
    expect(await numbers(await csv('a,b\n1,high\n2,low', { classes }))).toMatchObject({ 3: [2, 0] });
    expect(await numbers(await csv('a,b\n1,2\n2,1', { classes }))).toMatchObject({ 3: [2, 1] });
    await expect(csv('a,b\n1,high\n2,huge', { classes })).rejects.toThrow(
      /some\.csv: line 3: 'huge' is no class, wants one of low, mid, high$/,
    );
    await expect(csv('a,b\n1,0\n2,3', { classes })).rejects.toThrow(/line 3: '3' is no class/);
  });

  test('puts a number where one is missing, if told so', async () => {
    const text = 'a,b,c\n,NaN,x\nNA,?,y\n1,null,y\n';
    const set = await csv(text, { missing: -1 });
    expect(await set.x.data()).toEqual(Float32Array.of(-1, -1, -1, -1, 1, -1));
    expect(await (await csv(text, { missing: NaN })).x.data()).toEqual(
      Float32Array.of(NaN, NaN, NaN, NaN, 1, NaN),
    );
  });

  test('reads many rows', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => `${i},${i / 2},${i % 3}`);
    const set = await csv(`a,b,c\n${rows.join('\n')}`);
    expect([set.x.shape, set.classes]).toEqual([[5000, 2], ['0', '1', '2']]); // prettier-ignore
    const x = await set.x.data();
    expect([x[9998], x[9999]]).toEqual([4999, 2499.5]);
  });

  const refused: [why: string, text: string, options: data.CsvOptions, message: RegExp][] = [
    ['a short row', 'a,b,c\n1,2,x\n3,y\n', {}, /some\.csv: line 3: the row has 2 cells, the first has 3$/],
    ['a long row', 'a,b\n1,x\n\n3,4,y\n', {}, /line 4: the row has 3 cells, the first has 2$/],
    ['an empty cell', 'a,b\n1,x\n,y\n', {}, /line 3: column 'a' is empty; option missing tells what to put there$/],
    ['NaN', 'a,b\nnan,x\n', {}, /line 2: column 'a' is 'nan'; option missing/],
    ['infinity', 'a,b\nInfinity,x\n', { missing: 0 }, /line 2: column 'a' is 'Infinity', wants a finite number$/],
    ['a word', '1,x\ntwo,y', { header: false }, /line 2: column 0 is 'two', wants a finite number$/],
    ['another base', 'a,b\n0x10,x\n', {}, /column 'a' is '0x10', wants a finite number$/],
    ['no class', 'a,b\n1,x\n2, \n', {}, /line 3: column 'b' is empty, wants a class$/],
    ['one class', 'a,b\n1,x\n2,x\n', {}, /line 2: all samples are of class 'x', wants two classes or more$/],
    ['values as classes', 'a,b\n1,0.5\n2,1.5\n', {}, /line 2: 0.5 is no name of a class, nor a label; .*'value'$/],
    ['a huge label', 'a,b\n1,0\n2,4000000000\n', {}, /line 3: '4000000000' is no class/],
    ['a column that is not there', 'a,b\n1,x\n', { target: 'c' }, /there is no column 'c', which target names; it has a, b$/],
    ['a place that is not there', '1,x\n', { header: false, features: [2] }, /no column 2, which features names; it has 0 to 1$/],
    ['a target among the features', 'a,b\n1,x\n', { features: ['a', 'b'] }, /column b is a target/],
    ['another delimiter', 'a;b\n1;x\n', {}, /there is no column but the target; is the delimiter ','\?$/],
    ['a quote left open', 'a,b\n1,"x\n2,y\n', {}, /some\.csv: cannot be read as CSV: Quote Not Closed/],
    ['a quote inside', 'a,b\n1,x"y\n', {}, /some\.csv: cannot be read as CSV: Invalid Opening Quote/],
    ['an empty file', '', {}, /some\.csv: holds no samples$/],
    ['a header alone', 'a,b\n', {}, /some\.csv: holds no samples$/],
    ['another shape', 'a,b\n1,x\n2,y\n', { shape: [2] }, /has 1 features, a sample of shape \[2\] wants others$/],
    ['an option that is none', 'a,b', { headers: false } as never, /^csvDataset: option 'headers' is unknown/],
    ['a delimiter that is none', 'a,b', { delimiter: '' }, /^csvDataset: delimiter is '', wants a string/],
    ['no target', 'a,b', { target: [] }, /^csvDataset: target is empty/],
    ['classes in two columns', 'a,b', { target: [0, 1], targetType: 'class' }, /wants one column as target$/],
    ['a type of target that is none', 'a,b', { targetType: 'x' as never }, /^csvDataset: targetType is 'x', wants 'class' or 'value'$/],
    ['a filling that is none', 'a,b', { missing: 'mean' as never }, /^csvDataset: missing is 'mean', wants 'error' or a number$/],
  ]; // prettier-ignore

  test.each(refused)('refuses %s', async (_, text, options, message) => {
    await expect(csv(text, options)).rejects.toThrow(message);
  });

  test('names a file that is not there', async () => {
    await expect(data.csvDataset(join(folder, 'none.csv'))).rejects.toThrow(
      /none\.csv: cannot be read as CSV: ENOENT/,
    );
  });
});

describe('arrayDataset', () => {
  test('takes names, labels and values', async () => {
    const named = data.arrayDataset([[1, 2], [3, 4]], ['dog', 'cat']); // prettier-ignore
    expect([await numbers(named), named.classes]).toEqual([[[2, 2], [1, 2, 3, 4], 'i32', [1, 0]], ['cat', 'dog']]); // prettier-ignore
    const labels = data.arrayDataset(new Uint8Array([0, 255, 51, 0]), new Int32Array([2, 0]), {
      shape: [2, 2, 1],
    });
    expect([labels.x.dtype, labels.x.shape, labels.classes]).toEqual(['u8', [2, 2, 1], ['0', '1', '2']]);
    const values = data.arrayDataset([[1], [2]], [2.5, 4], { targetType: 'value' });
    expect(await numbers(values)).toEqual([[2, 1], [1, 2], 'f32', [2.5, 4]]);
    expect(data.arrayDataset([[1], [2]], [[1, 0], [0, 1]]).y.shape).toEqual([2, 2]); // prettier-ignore
  });

  test('refuses what does not fit, is not finite, or is one class', () => {
    const make =
      (x: unknown, y: unknown, options = {}) =>
      () =>
        data.arrayDataset(x as never, y as never, options);
    expect(make([[1], [2]], [0])).toThrow(/^arrayDataset: y has 1 targets, x 2 samples$/);
    expect(make([[1], [NaN]], [0, 1])).toThrow(/^arrayDataset: x\[1\] has a NaN, wants finite numbers$/);
    expect(make([[1]], [[Infinity]])).toThrow(/^arrayDataset: y\[0\] has a Infinity/);
    expect(make([[1], [2]], [1, 1])).toThrow(/^arrayDataset: y\[0\]: all samples are of class '1'/);
    expect(make([[1], [2]], [1, -1])).toThrow(/^arrayDataset: y\[1\]: -1 is no name of a class, nor a label/);
    expect(make([[1], [2]], [0, 2], { classes: ['a', 'b'] })).toThrow(
      /^arrayDataset: y\[1\]: '2' is no class/,
    );
    expect(make([], [])).toThrow(/^arrayDataset: x has the shape \[0\], wants samples$/);
    expect(make([[1], [2]], [[0], [1]], { targetType: 'class' })).toThrow(/^arrayDataset: y is nested/);
    expect(make([[1], ['a']], [0, 1])).toThrow(/^tensor: data\[1\]\[0\] is 'a', wants a number$/);
  });
});
