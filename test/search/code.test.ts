import { describe, expect, test } from 'vitest';
import {
  loss,
  models,
  nn,
  noGrad,
  optim,
  randn,
  search,
  setSeed,
  StriateError,
  type Tensor,
} from '../../lib/index.js';
import { noisy } from '../check.js';

/** What the code exports. */
function evaluated(code: string): { model: nn.Module; optimizer?: optim.Optimizer } {
  const [imported, ...rest] = code.split('\n');
  expect(imported).toMatch(/^import \{ nn(, optim)? \} from 'striate';$/);
  const body = rest.join('\n').replace(/export /g, '');
  const named = imported!.includes('optim') ? '{ model, optimizer }' : '{ model }';
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the code is what is tested
  const make = new Function('nn', 'optim', `${body}\nreturn ${named};`) as unknown;
  return (make as (...spaces: unknown[]) => ReturnType<typeof evaluated>)(nn, optim);
}

/** Expects a model that the code makes, given the weights, to answer as the model does, in training and in use. */
async function expectSame(model: nn.Module, x: Tensor): Promise<string> {
  const code = search.codeOf(model);
  const { model: made } = evaluated(code);
  made.loadStateDict(model.stateDict());
  expect([...made.modules()].map(([path, m]) => `${path} ${m.constructor.name}`)).toEqual(
    [...model.modules()].map(([path, m]) => `${path} ${m.constructor.name}`),
  );
  for (const training of [true, false]) {
    const outputs = [model, made].map((m) => {
      setSeed(3);
      return noGrad(() => m.train(training).forward(x));
    });
    expect(await outputs[1]!.data()).toEqual(await outputs[0]!.data());
  }
  // The code says all: it is that of what it makes.
  expect(search.codeOf(made)).toBe(code);
  return code;
}

describe('codeOf', () => {
  test('of images: each layer with the options that it has', async () => {
    setSeed(1);
    const model = new nn.Sequential(
      new nn.Conv2d(3, 8, [3, 5], { stride: [1, 2], padding: [1, 2], bias: false }),
      new nn.BatchNorm2d(8, { eps: 1e-3, momentum: null }),
      new nn.LeakyReLU(0.2),
      new nn.Conv2d(8, 8, 3, { padding: 'same', groups: 4, dilation: 2 }),
      new nn.InstanceNorm2d(8, { trackRunningStats: true }),
      new nn.PReLU(8),
      new nn.SeparableConv2d(8, 6, 3, { padding: 1, depthMultiplier: 2, bias: false }),
      new nn.GroupNorm(3, 6, { affine: false }),
      new nn.ELU(0.5),
      new nn.LocalResponseNorm(3, { alpha: 1e-3, k: 2 }),
      new nn.ConvTranspose2d(6, 4, 4, { stride: 2, padding: 1, groups: 2 }),
      new nn.GELU({ approximate: 'tanh' }),
      new nn.MaxoutConv2d(4, 3, 1, 2),
      new nn.DropConnectConv2d(3, 4, 3, { p: 0.25, padding: [0, 1, 1, 0] }),
      new nn.Softplus({ beta: 2 }),
      new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }),
      new nn.MaxPool2d([2, 3], { stride: 2, ceilMode: true }),
      new nn.AvgPool2d(3, { stride: 1, padding: 1 }),
      new nn.LPPool2d(2, 2),
      new nn.Residual(
        new nn.Sequential({ a: new nn.Conv2d(4, 4, 1), 'not a name': new nn.SiLU() }),
        new nn.Identity(),
      ),
      new nn.Parallel({ left: new nn.Conv2d(4, 2, 1), right: new nn.GlobalAvgPool2d({ keepDims: true }) }),
      new nn.Identity(),
    );
    // Side by side wants equal sizes.
    model.replace(20, new nn.Parallel({ left: new nn.Conv2d(4, 2, 1), right: new nn.Identity() }));
    await expectSame(model, noisy([2, 12, 14, 3], 1));
  });

  test('of sequences and rows', async () => {
    setSeed(2);
    const sequence = new nn.Sequential(
      new nn.Conv1d(3, 6, 3, { stride: 2, padding: 1, groups: 3 }),
      new nn.InstanceNorm1d(6, { affine: true }),
      new nn.Hardswish(),
      new nn.ConvTranspose1d(6, 4, 2, { stride: 2, bias: false }),
      new nn.BatchNorm1d(4, { affine: false }),
      new nn.MaxPool1d(2),
      new nn.AvgPool1d(2, { stride: 1 }),
      new nn.LPPool1d(3, 2),
      new nn.AdaptiveMaxPool1d(2),
      new nn.AdaptiveAvgPool1d(1),
      new nn.Dropout1d(0.3),
      new nn.Flatten(),
      new nn.LayerNorm(4, { bias: false }),
      new nn.Linear(4, 6, { bias: false }),
      new nn.DropConnectLinear(6, 6),
      new nn.MaxoutLinear(6, 4, 3, { bias: false }),
      new nn.Reshape([2, -1]),
      new nn.LayerNorm([2, 2], { eps: 1e-6, elementwiseAffine: false }),
      new nn.Flatten(0),
      new nn.LogSoftmax(0),
    );
    await expectSame(sequence, noisy([3, 16, 3], 2));
    const rows = new nn.Sequential(
      ...[new nn.Sigmoid(), new nn.Tanh(), new nn.ReLU6(), new nn.SELU(), new nn.Hardsigmoid()],
      ...[
        new nn.LogSigmoid(),
        new nn.Softsign(),
        new nn.Dropout(0.2, { inverted: false }),
        new nn.AlphaDropout(),
      ],
      ...[new nn.GaussianDropout(0.1), new nn.GaussianNoise(0.3), new nn.Softmax(), new nn.PReLU()],
    );
    await expectSame(rows, noisy([3, 5], 3));
    const pools = new nn.Sequential(
      ...[new nn.AdaptiveMaxPool2d([4, 3]), new nn.AdaptiveAvgPool2d(2), new nn.Dropout2d(0.25)],
      new nn.GlobalMaxPool2d(),
    );
    await expectSame(pools, noisy([2, 7, 7, 3], 4));
    const embedding = search.codeOf(new nn.Embedding(5, 3));
    expect(embedding).toContain('export const model = new nn.Embedding(5, 3);');
  });

  test('of networks of models, with their names', async () => {
    const code = await expectSame(models.lenet5({ classes: 4 }), noisy([2, 28, 28, 1]));
    expect(code).toBe(`import { nn } from 'striate';

export const model = new nn.Sequential({
  conv1: new nn.Conv2d(1, 6, 5, { padding: 2 }),
  relu1: new nn.ReLU(),
  pool1: new nn.MaxPool2d(2),
  conv2: new nn.Conv2d(6, 16, 5),
  relu2: new nn.ReLU(),
  pool2: new nn.MaxPool2d(2),
  flatten: new nn.Flatten(),
  fc1: new nn.Linear(400, 120),
  relu3: new nn.ReLU(),
  fc2: new nn.Linear(120, 84),
  relu4: new nn.ReLU(),
  fc3: new nn.Linear(84, 4),
});
`);
    await expectSame(models.smallVgg({ widths: [3, 4], classes: 2 }), noisy([2, 8, 8, 3]));
  });

  test('with an optimizer, which makes the same steps', async () => {
    for (const make of [
      (p: nn.Parameter[]) => new optim.SGD(p, { lr: 0.3, momentum: 0.9, nesterov: true, clipNorm: 1 }),
      (p: nn.Parameter[]) => new optim.AdamW(p, { lr: 1e-3, betas: [0.8, 0.99] }),
    ]) {
      setSeed(4);
      const model = new nn.Sequential(new nn.Linear(3, 2));
      const optimizer = make(model.parameters());
      const made = evaluated(search.codeOf(model, optimizer));
      expect(made.optimizer!.options).toEqual(optimizer.options);
      made.model.loadStateDict(model.stateDict());
      const x = randn([4, 3]);
      for (const [m, o] of [[model, optimizer], [made.model, made.optimizer!]] as const) {
        loss.mse(m.forward(x), noisy([4, 2])).backward();
        o.step();
      } // prettier-ignore
      expect(await made.model.parameters()[0]!.data()).toEqual(await model.parameters()[0]!.data());
    }
  });

  test('refuses what cannot be written', () => {
    expect(() => search.codeOf(models.resnet20())).toThrow(StriateError);
    expect(() => search.codeOf(models.resnet20())).toThrow(
      /layer1.0 is of BasicBlock, which is none of nn's layers/,
    );
    const shared = new nn.ReLU();
    expect(() => search.codeOf(new nn.Sequential(shared, shared))).toThrow(
      /codeOf: 1 \(ReLU\) stands in two places/,
    );
    class Own extends nn.Linear {}
    expect(() => search.codeOf(new Own(1, 1))).toThrow(/the model is of Own/);
    expect(() => search.codeOf(new nn.Sequential(new nn.MaxUnpool2d(2)))).toThrow(
      /0 is of MaxUnpool2d, which cannot be written/,
    );
    expect(() => search.codeOf(3 as never)).toThrow(/model is 3, wants a Module/);
    const model = new nn.Linear(1, 1);
    expect(() => search.codeOf(model, 3 as never)).toThrow(/optimizer is 3, wants one of optim's/);
    const groups = new optim.SGD([{ parameters: [model.weight] }, { parameters: [model.bias!] }]);
    expect(() => search.codeOf(model, groups)).toThrow(/the optimizer has 2 groups, wants one/);
  });
});
