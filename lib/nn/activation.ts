import * as ops from '../ops/activation.js';
import { full } from '../ops/creation.js';
import { relu } from '../ops/elementwise.js';
import type { Tensor } from '../tensor.js';
import { Module, Parameter } from './module.js';

/** max(0, x) (Nair and Hinton, 2010). */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** 1/(1 + e⁻ˣ) */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.sigmoid(x);
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return ops.tanh(x);
  }
}

/** x where x > 0, else negativeSlope·x; see {@link ops.leakyRelu}. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  /** @param negativeSlope Default: 0.01. */
  constructor(negativeSlope = 0.01) {
    super();
    if (!Number.isFinite(negativeSlope)) {
      throw new RangeError(`LeakyReLU: negativeSlope is ${negativeSlope}, wants a finite number`);
    }
    this.negativeSlope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    return ops.leakyRelu(x, this.negativeSlope);
  }
}

/** x where x > 0, else weight·x with a learnt slope, one for all or one for each channel; see {@link ops.prelu}. */
export class PReLU extends Module {
  /** [numParameters] */
  readonly weight: Parameter;

  /**
   * @param numParameters 1, or the channels of the last axis. Default: 1.
   * @param options init: the slopes before training. Default: 0.25.
   */
  constructor(numParameters = 1, { init = 0.25 }: { init?: number } = {}) {
    super();
    if (!Number.isInteger(numParameters) || numParameters < 1) {
      throw new RangeError(`PReLU: numParameters is ${numParameters}, wants a whole number from 1 on`);
    }
    if (!Number.isFinite(init)) throw new RangeError(`PReLU: init is ${init}, wants a finite number`);
    this.weight = new Parameter(full([numParameters], init));
  }

  override forward(x: Tensor): Tensor {
    return ops.prelu(x, this.weight);
  }
}

/** min(max(0, x), 6); see {@link ops.relu6}. */
export class ReLU6 extends Module {
  override forward(x: Tensor): Tensor {
    return ops.relu6(x);
  }
}

/** x where x > 0, else alpha·(eˣ − 1); see {@link ops.elu}. */
export class ELU extends Module {
  readonly alpha: number;

  /** @param alpha from 0 on. Default: 1. */
  constructor(alpha = 1) {
    super();
    if (!(Number.isFinite(alpha) && alpha >= 0)) {
      throw new RangeError(`ELU: alpha is ${alpha}, wants a finite number from 0 on`);
    }
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return ops.elu(x, this.alpha);
  }
}

/** The self-normalizing λ·x where x > 0, else λ·α·(eˣ − 1); see {@link ops.selu}. Wants weights of init.lecunNormal. */
export class SELU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.selu(x);
  }
}

/** x·Φ(x); see {@link ops.gelu}. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor({ approximate = 'none' }: ops.GeluOptions = {}) {
    super();
    if (!['none', 'tanh'].includes(approximate)) {
      throw new RangeError(`GELU: approximate is ${approximate}, wants 'none' or 'tanh'`);
    }
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return ops.gelu(x, { approximate: this.approximate });
  }
}

/** x/(1 + e⁻ˣ); see {@link ops.silu}. */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.silu(x);
  }
}

/** x·min(max(0, x + 3), 6)/6; see {@link ops.hardswish}. */
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return ops.hardswish(x);
  }
}

/** min(max(0, x + 3), 6)/6; see {@link ops.hardsigmoid}, which has others too. */
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.hardsigmoid(x);
  }
}

/** x·tanh(ln(1 + eˣ)); see {@link ops.mish}. */
export class Mish extends Module {
  override forward(x: Tensor): Tensor {
    return ops.mish(x);
  }
}

/** ln(1 + e^(beta·x))/beta; see {@link ops.softplus} for the options. */
export class Softplus extends Module {
  readonly options: Readonly<Required<ops.SoftplusOptions>>;

  constructor({ beta = 1, threshold = 20 }: ops.SoftplusOptions = {}) {
    super();
    if (!(Number.isFinite(beta) && beta > 0)) {
      throw new RangeError(`Softplus: beta is ${beta}, wants a finite number above 0`);
    }
    if (!Number.isFinite(threshold)) {
      throw new RangeError(`Softplus: threshold is ${threshold}, wants a finite number`);
    }
    this.options = Object.freeze({ beta, threshold });
  }

  override forward(x: Tensor): Tensor {
    return ops.softplus(x, this.options);
  }
}

/** ln(1/(1 + e⁻ˣ)); see {@link ops.logSigmoid}. */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.logSigmoid(x);
  }
}

/** x/(1 + |x|); see {@link ops.softsign}. */
export class Softsign extends Module {
  override forward(x: Tensor): Tensor {
    return ops.softsign(x);
  }
}
