// Parameter counts, against those of the papers and of torchvision, and against the table of docs/models.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { emptyPool, models, type nn } from '../../lib/index.js';
import { packageRoot } from '../../lib/native.js';

afterEach(emptyPool);

interface Published {
  /** As docs/models.md has it. */
  call: string;
  make: () => nn.Module;
  parameters: number;
  tensors: number;
  names: string[];
}

const published: Published[] = [
  {
    call: 'models.alexnet()',
    make: () => models.alexnet(),
    parameters: 61_100_840,
    tensors: 16,
    names: ['features.0.weight', 'features.10.bias', 'classifier.1.weight', 'classifier.6.bias'],
  },
  {
    call: 'models.vgg11()',
    make: () => models.vgg11(),
    parameters: 132_863_336,
    tensors: 22,
    names: ['features.18.bias'],
  },
  {
    call: 'models.vgg13()',
    make: () => models.vgg13(),
    parameters: 133_047_848,
    tensors: 26,
    names: ['features.22.bias'],
  },
  {
    call: 'models.vgg16()',
    make: () => models.vgg16(),
    parameters: 138_357_544,
    tensors: 32,
    names: ['features.0.weight', 'features.28.bias', 'classifier.0.weight', 'classifier.6.bias'],
  },
  {
    call: 'models.vgg19()',
    make: () => models.vgg19(),
    parameters: 143_667_240,
    tensors: 38,
    names: ['features.34.bias'],
  },
  {
    call: 'models.googlenet()',
    make: () => models.googlenet(),
    parameters: 6_624_904 + (25 - 9) * 23_808,
    tensors: 173,
    names: [
      'conv1.conv.weight',
      'conv3.bn.bias',
      'inception3a.branch1.conv.weight',
      'inception4c.branch2.0.bn.weight',
      'inception4e.branch3.1.conv.weight',
      'inception5b.branch4.1.bn.bias',
      'fc.weight',
    ],
  },
  {
    call: 'models.resnet18()',
    make: () => models.resnet18(),
    parameters: 11_689_512,
    tensors: 62,
    names: ['conv1.weight', 'bn1.bias', 'layer1.0.conv1.weight', 'layer2.0.downsample.0.weight', 'fc.bias'],
  },
  {
    call: 'models.resnet34()',
    make: () => models.resnet34(),
    parameters: 21_797_672,
    tensors: 110,
    names: ['layer3.5.bn2.weight', 'layer4.0.downsample.1.bias'],
  },
  {
    call: 'models.resnet50()',
    make: () => models.resnet50(),
    parameters: 25_557_032,
    tensors: 161,
    names: ['layer1.0.downsample.0.weight', 'layer3.5.conv3.weight', 'layer4.2.bn3.bias', 'fc.weight'],
  },
  {
    call: 'models.resnet101()',
    make: () => models.resnet101(),
    parameters: 44_549_160,
    tensors: 314,
    names: ['layer3.22.conv3.weight'],
  },
  {
    call: 'models.resnet152()',
    make: () => models.resnet152(),
    parameters: 60_192_808,
    tensors: 467,
    names: ['layer2.7.bn3.bias', 'layer3.35.conv3.weight'],
  },
  {
    call: 'models.resnet20()',
    make: () => models.resnet20(),
    parameters: 269_722,
    tensors: 59,
    names: ['conv1.weight', 'layer3.2.bn2.bias'],
  },
  {
    call: 'models.resnet56()',
    make: () => models.resnet56(),
    parameters: 853_018,
    tensors: 167,
    names: ['layer2.8.conv2.weight'],
  },
  {
    call: 'models.alexnet2012()',
    make: () => models.alexnet2012(),
    parameters: 60_965_224,
    tensors: 16,
    names: ['features.12.bias'],
  },
  {
    call: 'models.zfnet()',
    make: () => models.zfnet(),
    parameters: 62_357_608,
    tensors: 16,
    names: ['features.12.bias'],
  },
  {
    call: 'models.mobilenet()',
    make: () => models.mobilenet(),
    parameters: 4_231_976,
    tensors: 83,
    names: ['features.78.weight', 'fc.bias'],
  },
  {
    call: 'models.mobilenetV2()',
    make: () => models.mobilenetV2(),
    parameters: 3_504_872,
    tensors: 158,
    names: [
      'features.0.0.weight',
      'features.1.conv.0.0.weight',
      'features.2.conv.1.1.bias',
      'features.17.conv.2.weight',
      'features.18.1.weight',
      'classifier.1.bias',
    ],
  },
  {
    call: "models.squeezenet({ version: '1.0' })",
    make: () => models.squeezenet({ version: '1.0' }),
    parameters: 1_248_424,
    tensors: 52,
    names: [
      'features.0.weight',
      'features.3.squeeze.weight',
      'features.12.expand3x3.bias',
      'classifier.1.weight',
    ],
  },
  {
    call: 'models.squeezenet()',
    make: () => models.squeezenet(),
    parameters: 1_235_496,
    tensors: 52,
    names: ['features.12.expand1x1.weight'],
  },
  ...(
    [
      [11, 132_868_840, 38],
      [13, 133_053_736, 46],
      [16, 138_365_992, 58],
      [19, 143_678_248, 70],
    ] as const
  ).map(([layers, parameters, tensors]) => ({
    call: `models.vgg${layers}({ batchNorm: true })`,
    make: () => models.vgg(layers, { batchNorm: true }),
    ...{ parameters, tensors, names: ['features.0.weight', 'features.1.bias', 'classifier.6.bias'] },
  })),
  {
    call: 'models.googlenet({ auxLogits: true })',
    make: () => models.googlenet({ auxLogits: true }),
    parameters: 13_004_888 + (25 - 9) * 23_808,
    tensors: 187,
    names: ['aux1.conv.conv.weight', 'aux2.fc2.bias'],
  },
  {
    call: "models.googlenet({ form: 'torchvision' })",
    make: () => models.googlenet({ form: 'torchvision' }),
    parameters: 6_624_904,
    tensors: 173,
    names: ['inception4e.branch3.1.conv.weight'],
  },
  {
    call: "models.googlenet({ form: 'torchvision', auxLogits: true })",
    make: () => models.googlenet({ form: 'torchvision', auxLogits: true }),
    parameters: 13_004_888,
    tensors: 187,
    names: ['aux1.conv.bn.weight', 'aux2.fc1.weight'],
  },
  {
    call: 'models.lenet5()',
    make: () => models.lenet5(),
    parameters: 61_706,
    tensors: 10,
    names: ['conv1.weight', 'fc3.bias'],
  },
  {
    call: "models.lenet5({ form: '1998' })",
    make: () => models.lenet5({ form: '1998' }),
    parameters: 61_706,
    tensors: 10,
    names: ['conv2.bias'],
  },
  {
    call: 'models.resnet18({ smallImages: true, classes: 10 })',
    make: () => models.resnet18({ smallImages: true, classes: 10 }),
    parameters: 11_173_962,
    tensors: 62,
    names: ['conv1.weight'],
  },
  {
    call: 'models.smallVgg()',
    make: () => models.smallVgg(),
    parameters: 1_148_874,
    tensors: 20,
    names: ['features.0.weight', 'fc.bias'],
  },
  {
    call: 'models.fcn32s()',
    make: () => models.fcn32s(),
    parameters: 136_152_917,
    tensors: 33,
    names: ['features.28.bias', 'fc6.weight', 'fc7.bias', 'scoreFr.weight', 'upscore.weight'],
  },
  {
    call: 'models.fcn16s()',
    make: () => models.fcn16s(),
    parameters: 134_815_994,
    tensors: 36,
    names: ['upscore2.weight', 'scorePool4.bias'],
  },
  {
    call: 'models.fcn8s()',
    make: () => models.fcn8s(),
    parameters: 134_489_759,
    tensors: 39,
    names: ['upscorePool4.weight', 'scorePool3.bias'],
  },
  {
    call: 'models.fcnResnet50()',
    make: () => models.fcnResnet50(),
    parameters: 35_322_218 - 2_365_205,
    tensors: 159 + 5,
    names: ['backbone.layer4.0.downsample.0.weight', 'classifier.0.weight', 'classifier.4.bias'],
  },
  {
    call: 'models.fcnResnet50({ auxLoss: true })',
    make: () => models.fcnResnet50({ auxLoss: true }),
    parameters: 35_322_218,
    tensors: 159 + 10,
    names: ['backbone.conv1.weight', 'auxClassifier.1.bias'],
  },
  {
    call: 'models.fcnResnet101()',
    make: () => models.fcnResnet101(),
    parameters: 54_314_346 - 2_365_205,
    tensors: 312 + 5,
    names: ['backbone.layer3.22.bn3.bias'],
  },
  {
    call: 'models.fcnResnet101({ auxLoss: true })',
    make: () => models.fcnResnet101({ auxLoss: true }),
    parameters: 54_314_346,
    tensors: 312 + 10,
    names: ['auxClassifier.4.weight'],
  },
  {
    call: 'models.unet()',
    make: () => models.unet(),
    parameters: 31_030_658,
    tensors: 46,
    names: ['encoder.4.2.weight', 'up.0.weight', 'decoder.3.0.bias', 'head.weight'],
  },
  {
    call: 'models.unet({ channels: 3, batchNorm: true })',
    make: () => models.unet({ channels: 3, batchNorm: true }),
    parameters: 31_037_698,
    tensors: 64,
    names: ['encoder.0.1.weight', 'decoder.3.4.bias'],
  },
];

test.each(published)('$call has the published parameters, and their names', (c) => {
  using network = c.make();
  const parameters = new Map(network.namedParameters());
  expect([...parameters.values()].reduce((n, p) => n + p.size, 0)).toBe(c.parameters);
  expect(parameters.size).toBe(c.tensors);
  expect([...parameters.keys()]).toEqual(expect.arrayContaining(c.names));
});

test('docs/models.md has these numbers, each of a model once', () => {
  const rows = readFileSync(join(packageRoot, 'docs', 'models.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `models.'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => [cells[1]!.replaceAll('`', ''), Number(cells[2]!.replaceAll(',', ''))] as const);
  const sorted = (pairs: readonly (readonly [string, number])[]) =>
    [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(sorted(rows)).toEqual(sorted(published.map(({ call, parameters }) => [call, parameters] as const)));
  const makers = Object.entries(models).filter(([, value]) => !String(value).startsWith('class '));
  for (const [name] of makers) {
    if (['auxiliaryLoss', 'autoencoder', 'cifarResnet', 'convAutoencoder', 'mlp', 'vgg'].includes(name))
      continue;
    expect(
      rows.map(([call]) => call).some((call) => call.startsWith(`models.${name}(`)),
      name,
    ).toBe(true);
  }
});
