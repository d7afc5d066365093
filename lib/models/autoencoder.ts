import { describe } from '../describe.js';
import * as nn from '../nn/index.js';
import { requireSizes } from '../nn/sizes.js';
import { reshape } from '../ops/movement.js';
import type { Tensor } from '../tensor.js';
import { chained } from './chained.js';

/** Makes a module, anew in each call: `() => new nn.Sigmoid()`. */
export type MakesModule = () => nn.Module;

export interface CorruptionOptions {
  /** Corrupts the input in training, as nn.MaskingNoise and nn.GaussianNoise do. Default: null, nothing does. */
  readonly corruption?: nn.Module | null | undefined;
}

/**
 * An autoencoder of any two modules: x̂ = decoder(encoder(x)), to be trained so that x̂ is x, with data.reconstruction(…). A
 * `corruption` before the encoder makes it a denoising one (Vincent, Larochelle, Lajoie, Bengio and Manzagol, 2010): what
 * it changes in training, the target has unchanged.
 *
 * Where the decoder gives as many numbers in another shape, as rows where the inputs are images, the result has the
 * input's.
 *
 * ```ts
 * const model = new models.Autoencoder(encoder, decoder, { corruption: new nn.MaskingNoise(0.3) });
 * const trainer = new Trainer(model, { optimizer: new optim.Adam(model.parameters()), loss: loss.mse });
 * await trainer.fit(data.reconstruction(train), { epochs: 10 });
 * const code = model.encode(x);
 * ```
 *
 * @throws TypeError for what is no module
 */
export class Autoencoder extends nn.Module {
  readonly corruption: nn.Module | null;
  readonly encoder: nn.Module;
  readonly decoder: nn.Module;

  constructor(encoder: nn.Module, decoder: nn.Module, { corruption = null }: CorruptionOptions = {}) {
    super();
    for (const [name, given] of Object.entries({ encoder, decoder, corruption })) {
      if (given instanceof nn.Module || (name === 'corruption' && given === null)) continue;
      throw new TypeError(`Autoencoder: ${name} is ${describe(given)}, wants a Module`);
    }
    this.corruption = corruption;
    this.encoder = encoder;
    this.decoder = decoder;
  }

  /** The code of x, which is not corrupted. */
  encode(x: Tensor): Tensor {
    return this.encoder.forward(x);
  }

  /** What a code stands for. */
  decode(code: Tensor): Tensor {
    return this.decoder.forward(code);
  }

  override forward(x: Tensor): Tensor {
    return chained(x, [
      (seen) => this.corruption?.forward(seen) ?? seen,
      (seen) => this.encode(seen),
      (code) => this.decode(code),
      (y) => (y.size === x.size && y.shape.join() !== x.shape.join() ? reshape(y, x.shape) : y),
    ]);
  }
}

export interface AutoencoderOptions extends CorruptionOptions {
  /** Whether the decoder's weights are those of the encoder, transposed. Default: false. */
  readonly tied?: boolean | undefined;
  /** Between layers. Default: ReLU. */
  readonly activation?: MakesModule | undefined;
  /** Of the code. Default: null, none: the code is linear in the layer before. */
  readonly codeActivation?: MakesModule | null | undefined;
  /** Of the reconstruction. Default: null, none. */
  readonly outputActivation?: MakesModule | null | undefined;
}

/** What an option that makes a module gives, alone in a list; none where it is null. */
function made(caller: string, option: string, make: MakesModule | null): nn.Module[] {
  if (make === null) return [];
  const module: unknown = typeof make === 'function' ? make() : make;
  if (module instanceof nn.Module) return [module];
  throw new TypeError(`${caller}: ${option} is ${describe(make)}, wants a function that makes a Module`);
}

/** @throws TypeError or RangeError for what is no list of at least two sizes */
export function requireWidths(caller: string, widths: unknown): asserts widths is readonly number[] {
  if (!Array.isArray(widths)) {
    throw new TypeError(`${caller}: widths is ${describe(widths)}, wants a list of numbers`);
  }
  if (widths.length < 2) {
    throw new RangeError(
      `${caller}: widths is ${describe(widths)}, wants the inputs and at least one layer's units`,
    );
  }
  requireSizes(caller, Object.fromEntries(widths.map((width: unknown, i) => [`widths[${i}]`, width])));
}

/**
 * An autoencoder of linear layers, for rows of numbers or images, [N, …]: from widths[0] numbers by way of the others to
 * the code, of the last of them, and back the same way.
 *
 * ```ts
 * models.autoencoder([784, 256, 32], { tied: true });
 * ```
 *
 * @param widths numbers of a sample, then of what each layer of the encoder gives
 * @throws TypeError, RangeError for what are no widths, and options that are none
 */
export function autoencoder(
  widths: readonly number[],
  {
    tied = false,
    activation = () => new nn.ReLU(),
    codeActivation = null,
    outputActivation = null,
    corruption,
  }: AutoencoderOptions = {},
): Autoencoder {
  requireWidths('autoencoder', widths);
  const layers = widths.slice(1).map((width, i) => new nn.Linear(widths[i]!, width));
  const after = (i: number): nn.Module[] =>
    i === layers.length - 1
      ? made('autoencoder', 'codeActivation', codeActivation)
      : made('autoencoder', 'activation', activation);
  const encoder = layers.flatMap((layer, i) => [layer, ...after(i)]);
  const decoder = layers.toReversed().flatMap((layer, i) => {
    const [inputs = 1, outputs = 1] = layer.weight.shape;
    const back = tied ? new nn.TiedLinear(layer) : new nn.Linear(outputs, inputs);
    const last = i === layers.length - 1;
    const follows = last
      ? made('autoencoder', 'outputActivation', outputActivation)
      : made('autoencoder', 'activation', activation);
    return [back, ...follows];
  });
  return new Autoencoder(
    new nn.Sequential(new nn.Flatten(), ...encoder),
    new nn.Sequential(...decoder),
    { corruption },
  ); // prettier-ignore
}

export interface ConvAutoencoderOptions extends CorruptionOptions {
  /** Channels of the images. Default: 1. */
  readonly channels?: number | undefined;
  /** Channels that each convolution of the encoder gives. Default: [16, 32]. */
  readonly widths?: readonly number[] | undefined;
  /** Whether the decoder's kernels are those of the encoder. Default: false. */
  readonly tied?: boolean | undefined;
  /** Of the reconstruction. Default: null, none. */
  readonly outputActivation?: MakesModule | null | undefined;
}

/**
 * A convolutional autoencoder (Masci, Meier, Cireşan and Schmidhuber, "Stacked convolutional auto-encoders", 2011, with
 * strides in place of pooling): 3×3 convolutions with stride 2, each followed by a ReLU, and as many transposed ones back.
 * Images [N, H, W, channels], whose sides are multiples of 2^layers, have a code
 * [N, H/2^layers, W/2^layers, the last of widths].
 *
 * @throws TypeError, RangeError for options that are none
 */
export function convAutoencoder({
  channels = 1,
  widths = [16, 32],
  tied = false,
  outputActivation = null,
  corruption,
}: ConvAutoencoderOptions = {}): Autoencoder {
  if (!Array.isArray(widths) || widths.length === 0) {
    throw new TypeError(`convAutoencoder: widths is ${describe(widths)}, wants a list of channels`);
  }
  const all = [channels, ...(widths as readonly number[])];
  requireWidths('convAutoencoder', all);
  const halves = { stride: 2, padding: 1 };
  const layers = all.slice(1).map((width, i) => new nn.Conv2d(all[i]!, width, 3, halves));
  const encoder = layers.flatMap((layer) => [layer, new nn.ReLU()]);
  const decoder = layers.toReversed().flatMap((layer, i) => {
    const [inputs = 1, outputs = 1] = layer.weight.shape.slice(2);
    const back = tied
      ? new nn.TiedConvTranspose2d(layer, { outputPadding: 1 })
      : new nn.ConvTranspose2d(outputs, inputs, 3, { ...halves, outputPadding: 1 });
    const last = i === layers.length - 1;
    return [
      back,
      ...(last ? made('convAutoencoder', 'outputActivation', outputActivation) : [new nn.ReLU()]),
    ];
  });
  return new Autoencoder(new nn.Sequential(...encoder), new nn.Sequential(...decoder), { corruption });
}
