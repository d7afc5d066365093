import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { grad } from '../../lib/autograd.js';
import { memory, nn, ops, randn, tensor, visual } from '../../lib/index.js';
import { expectClose, i32, noisy } from '../check.js';
import { collectGarbage } from '../garbage.js';

const folder = mkdtempSync(join(tmpdir(), 'striate-visual-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('grid', () => {
  test('lays pictures out side by side, each from black to white', async () => {
    const x = tensor([0, 1, 2, 4, 10, 10, 30, 20], [2, 2, 2, 1]);
    const picture = await visual.grid(x, { columns: 2, gap: 1 });
    expect([picture.width, picture.height, picture.channels]).toEqual([5, 2, 1]);
    expect([...picture.data]).toEqual([0, 64, 0, 0, 0, 128, 255, 0, 255, 128]);
  });

  test('three channels are colours, others pictures of their own', async () => {
    const colour = await visual.grid(tensor([0, 1, 2], [1, 1, 1, 3]));
    expect([colour.channels, ...colour.data]).toEqual([3, 0, 128, 255]);
    const grey = await visual.grid(tensor([0, 1, 2, 3], [1, 1, 2, 2]), { columns: 2, gap: 0, range: 'all' });
    // Channel 0 is [0, 2], channel 1 is [1, 3].
    expect([...grey.data]).toEqual([0, 170, 85, 255]);
  });

  test('what is the same all over or not finite is black, what is out of range is cut off', async () => {
    expect([...(await visual.grid(tensor([7, 7], [1, 1, 2, 1]))).data]).toEqual([0, 0]);
    const x = tensor([NaN, -1, 0.5, 9], [1, 1, 4, 1]);
    expect([...(await visual.grid(x, { range: [0, 1] })).data]).toEqual([0, 0, 128, 255]);
  });

  test('refuses what is no image', async () => {
    await expect(visual.grid(randn([3, 3]))).rejects.toThrow(/grid: images are \[3, 3\]/);
    await expect(visual.grid(randn([1, 0, 3, 1]))).rejects.toThrow(/wants \[N, H, W, C\] with elements/);
    await expect(visual.grid(randn([1, 1, 1, 1]), { columns: 0 })).rejects.toThrow(/grid: columns is 0/);
  });
});

test('savePng writes what sharp reads back', async () => {
  const picture = { width: 2, height: 1, channels: 3 as const, data: Uint8Array.of(255, 0, 9, 1, 2, 3) };
  const file = join(folder, 'two.png');
  await visual.savePng(picture, file, { scale: 2 });
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([4, 2, 3]);
  const row = [255, 0, 9, 255, 0, 9, 1, 2, 3, 1, 2, 3];
  expect([...data]).toEqual([...row, ...row]);
  await expect(visual.savePng(picture, file, { scale: 0 })).rejects.toThrow(/savePng: scale is 0/);
});

test('filters: each is a picture, in colour over 3 channels', async () => {
  const weight = noisy([5, 5, 3, 4]);
  const picture = await visual.filters(weight, { columns: 4, gap: 0 });
  expect([picture.width, picture.height, picture.channels]).toEqual([20, 5, 3]);
  const values = await weight.data();
  // The second filter's brightest place is white.
  const own = Array.from({ length: 75 }, (_, i) => values[i * 4 + 1]!);
  const [pixel, channel] = [Math.floor(own.indexOf(Math.max(...own)) / 3), own.indexOf(Math.max(...own)) % 3];
  expect(picture.data[(Math.floor(pixel / 5) * 20 + 5 + (pixel % 5)) * 3 + channel]).toBe(255);
  await expect(visual.filters(randn([3, 3]))).rejects.toThrow(/filters: weight is \[3, 3\]/);
});

/** A model that sees brightness: class 1 is the mean of the image's left half, class 0 minus that. */
function leftHalf() {
  const model = new nn.Sequential({
    conv: new nn.Conv2d(1, 2, 1, { bias: false }),
    relu: new nn.ReLU(),
    flatten: new nn.Flatten(),
    fc: new nn.Linear(4 * 4 * 2, 2, { bias: false }),
  });
  const [kernel, weight] = model.parameters();
  kernel!.assign(tensor([1, 1], [1, 1, 1, 2]));
  const rows = Array.from({ length: 32 }, (_, i) => (Math.floor(i / 2) % 4 < 2 ? [-1, 1] : [0, 0]));
  weight!.assign(tensor(rows));
  return model;
}

describe('explanations', () => {
  const x = ops.add(noisy([2, 4, 4, 1], 1), 2);

  test('featureMaps gives what a layer gave', async () => {
    const model = leftHalf();
    await collectGarbage();
    const before = memory().liveTensors;
    const maps = visual.featureMaps(model, x, 'relu');
    expect(memory().liveTensors).toBe(before + 1);
    await expectClose(maps, await model.at(1).forward(model.at(0).forward(x)).data());
    expect(() => visual.featureMaps(model, x, 'fcc')).toThrow(
      /featureMaps: no layer 'fcc' ran, wants one of conv, relu/,
    );
  });

  test('saliency is where the score comes from', async () => {
    const model = leftHalf();
    const map = visual.saliency(model, x, { labels: i32([1, 0], [2]) });
    expect(map.shape).toEqual([2, 4, 4, 1]);
    const wanted = Array.from({ length: 32 }, (_, i) => (i % 4 < 2 ? 2 : 0));
    expect([...(await map.data())]).toEqual(wanted);
    expect(model.parameters().every(({ grad: g }) => g === null)).toBe(true);
    expect([model.training, x.requiresGrad]).toEqual([true, false]);
  });

  test('gradCam agrees with its formula, for the best class and a given one', async () => {
    const inner = new nn.Conv2d(3, 3, 1);
    const model = new nn.Sequential({
      conv: new nn.Conv2d(2, 3, 3, { padding: 1 }),
      block: new nn.Residual(inner),
      pool: new nn.AdaptiveAvgPool2d(1),
      flatten: new nn.Flatten(),
      fc: new nn.Linear(3, 4),
    });
    const images = noisy([2, 5, 6, 2], 3);
    for (const path of ['conv', 'block', 'block.body'])
      for (const labels of [undefined, i32([2, 0], [2])]) {
        const map = visual.gradCam(model, images, path, labels ? { labels } : {});
        expect(map.shape).toEqual([2, 5, 6, 1]);
        // By hand: the same layers, with the activations as a leaf.
        const at = (name: string) => Object.fromEntries(model.children())[name]!;
        const conv = at('conv').forward(images).detach();
        const body = inner.forward(conv).detach();
        const leaf = path === 'conv' ? conv : path === 'block' ? ops.add(body, conv).detach() : body;
        leaf.requiresGrad = true;
        const after =
          path === 'conv' ? at('block').forward(leaf) : path === 'block' ? leaf : ops.add(leaf, conv);
        const scores = at('fc').forward(at('flatten').forward(at('pool').forward(after)));
        const rows = await scores.data();
        const best = [0, 1].map((n) => {
          const row = rows.slice(4 * n, 4 * n + 4);
          return row.indexOf(Math.max(...row));
        });
        const chosen = labels ? [2, 0] : best;
        const seed = Float32Array.from({ length: 8 }, (_, i) =>
          i % 4 === chosen[Math.floor(i / 4)] ? 1 : 0,
        );
        const [g] = grad(scores, [leaf], tensor(seed, [2, 4]));
        const [dy, activations] = [await g!.data(), await leaf.data()];
        const wanted = Array.from({ length: 60 }, (_, place) => {
          const n = Math.floor(place / 30);
          let sum = 0;
          for (let k = 0; k < 3; k++) {
            let alpha = 0;
            for (let p = 0; p < 30; p++) alpha += dy[(n * 30 + p) * 3 + k]! / 30;
            sum += alpha * activations[place * 3 + k]!;
          }
          return Math.max(0, sum);
        });
        await expectClose(map, wanted, 1e-5);
      }
    expect(() => visual.gradCam(model, images, 'fc')).toThrow(
      /gradCam: layer 'fc' gives \[2, 4\], wants maps/,
    );
    expect(() => visual.gradCam(model, images, 'no')).toThrow(/no layer 'no' ran/);
  });
});
