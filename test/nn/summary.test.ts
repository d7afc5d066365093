import { describe, expect, test } from 'vitest';
import { memory, models, nn, StriateError } from '../../lib/index.js';
import { collectGarbage } from '../garbage.js';

describe('summary', () => {
  test('of LeNet-5: shapes, parameters, multiply-adds and receptive fields', () => {
    const model = new nn.Sequential({
      conv1: new nn.Conv2d(1, 6, 5, { padding: 'same' }),
      relu1: new nn.ReLU(),
      pool1: new nn.MaxPool2d(2),
      conv2: new nn.Conv2d(6, 16, 5),
      pool2: new nn.AvgPool2d(2),
      flatten: new nn.Flatten(),
      fc: new nn.Linear(400, 10),
    });
    const { layers, parameters, multiplyAdds } = nn.summary(model, [28, 28, 1]);
    const rows = layers.map(({ path, kind, outputShape, receptiveField, ...counts }) => [
      path, kind, outputShape.join(), counts.parameters, counts.multiplyAdds, receptiveField?.join() ?? null,
    ]); // prettier-ignore
    expect(rows).toEqual([
      ['conv1', 'Conv2d', '1,28,28,6', 156, 28 * 28 * 150, '5,5'],
      ['relu1', 'ReLU', '1,28,28,6', 0, 0, '5,5'],
      ['pool1', 'MaxPool2d', '1,14,14,6', 0, 0, '6,6'],
      ['conv2', 'Conv2d', '1,10,10,16', 2416, 100 * 2400, '14,14'],
      ['pool2', 'AvgPool2d', '1,5,5,16', 0, 0, '16,16'],
      ['flatten', 'Flatten', '1,400', 0, 0, null],
      ['fc', 'Linear', '1,10', 4010, 4000, null],
    ]);
    expect([parameters, multiplyAdds]).toEqual([6582, 117_600 + 240_000 + 4000]);
  });

  test('of ResNet-18: as many multiply-adds as published', () => {
    const found = nn.summary(models.resnet18(), [224, 224, 3]);
    expect(found.parameters).toBe(11_689_512);
    // 1.8·10⁹ in the paper, without the shortcuts' 1×1 convolutions.
    expect(found.multiplyAdds).toBe(1_814_073_344);
    const last = found.layers.findLast(({ path }) => path.startsWith('layer4'));
    expect(last?.receptiveField).toEqual([435, 435]);
    expect(found.layers.reduce((n, layer) => n + layer.parameters, 0)).toBe(11_689_512);
  });

  test('of branches: the widest way counts', () => {
    const block = new nn.Sequential(
      new nn.Parallel(new nn.Conv2d(2, 2, 1), new nn.Conv2d(2, 2, 5, { padding: 2 }), new nn.Identity()),
      new nn.Conv2d(6, 3, 3),
    );
    const { layers } = nn.summary(block, [16, 16, 2]);
    expect(layers.map(({ path, receptiveField }) => [path, receptiveField?.[0]])).toEqual([
      ['0.0', 1],
      ['0.1', 5],
      ['0.2', 1],
      ['1', 7],
    ]);
  });

  test('of a decoder: strides are undone', () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { stride: 2, padding: 1 }),
      new nn.ConvTranspose2d(4, 4, 2, { stride: 2 }),
      new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }),
    );
    const { layers } = nn.summary(model, [8, 8, 1]);
    expect(layers.map(({ outputShape, receptiveField }) => [outputShape[1], receptiveField?.[0]])).toEqual([
      [4, 3],
      [8, 3],
      [16, 4],
    ]);
    expect(layers[1]?.multiplyAdds).toBe(16 * 2 * 2 * 4 * 4);
  });

  test('prints a table, and leaves the model as it was', async () => {
    const model = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.BatchNorm2d(8), new nn.ReLU());
    model.at(1).eval();
    await collectGarbage();
    const before = memory().liveTensors;
    const text = String(nn.summary(model, [8, 8, 3]));
    expect(memory().liveTensors).toBe(before);
    expect([model.training, model.at(1).training]).toEqual([true, false]);
    expect(text).toMatch(
      /^layer +kind +output +parameters +multiply-adds +sees\n-+\n0 +Conv2d +N × 6 × 6 × 8 +224 /,
    );
    expect(text).toMatch(/\n240 parameters \(240 trained\), 7,776 multiply-adds a sample$/);
  });

  test('a shared layer counts once, a frozen one is not trained', () => {
    const layer = new nn.Linear(4, 4).freeze();
    const found = nn.summary(new nn.Sequential(layer, layer), [4]);
    expect(found.layers.map(({ parameters }) => parameters)).toEqual([20, 0]);
    expect([found.parameters, found.trainableParameters]).toEqual([20, 0]);
  });

  test('tells by name which layer does not fit', () => {
    const model = new nn.Sequential({
      features: new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.ReLU()),
      flatten: new nn.Flatten(),
      fc: new nn.Linear(100, 10),
    });
    expect(() => nn.summary(model, [8, 8, 1])).toThrow(StriateError);
    expect(() => nn.summary(model, [8, 8, 1])).toThrow(
      /summary: fc \(Linear\) does not take \[N, 144\]: linear: /,
    );
    expect(() => nn.summary(model, [8, 8, 3])).toThrow(
      /summary: features.0 \(Conv2d\) does not take \[N, 8, 8, 3\]/,
    );
  });
});
