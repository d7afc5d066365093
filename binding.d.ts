/**
 * The contract between TypeScript and C++: every function of the addon, as native/binding defines it. Arguments are
 * checked there; a wrong one throws TypeError, RangeError or StriateError that names the operation and the argument.
 * Functions that return a Handle enqueue the work and return at once.
 */

/**
 * A tensor of this environment; never used twice.
 *
 * @internal
 */
export type Handle = number & { readonly brand: unique symbol };
/** What the elements are: floats, whole numbers, bytes. */
export type DType = 'f32' | 'i32' | 'u8';
/** What holds the elements of a tensor in JavaScript. */
export type TypedArray = Float32Array | Int32Array | Uint8Array;

/** What memory() tells. */
export interface Memory {
  /** Tensors of this environment that have not been disposed. */
  liveTensors: number;
  /** Bytes of memory that tensors and running operations of the process hold. */
  liveBytes: number;
  /** Bytes kept for reuse. */
  pooledBytes: number;
  /** The most that liveBytes has been since the start or the last resetPeak. */
  peakBytes: number;
  /** Commands of the process that wait or run. */
  queuedCommands: number;
}

/** What cpuInfo() tells. */
export interface CpuInfo {
  /** The instruction set in use: scalar, avx2, avx512 or neon. */
  isa: string;
  /** Those that this machine runs, the best last. */
  supported: string[];
  model: string;
  /** Processors that this process may run on. */
  cores: number;
  threads: number;
  /** Bytes; 0 where the system does not tell. */
  caches: { l1: number; l2: number; l3: number };
  /** The OpenMP standard's date, yyyymm. */
  openmp: number;
}

/** A command that has run; times from the start of the profile. */
export interface ProfileEntry {
  operation: string;
  startNs: number;
  endNs: number;
  /** The shapes that it read → those that it wrote; empty for what works in place. */
  detail: string;
}

export interface Binding {
  // storage.cc
  initialize(errorClass: new (message: string) => Error): void;
  tensor(data: TypedArray, shape: readonly number[]): Handle;
  shape(tensor: Handle): number[];
  dtype(tensor: Handle): DType;
  alias(tensor: Handle): Handle;
  reshape(input: Handle, shape: readonly number[]): Handle;
  assign(target: Handle, source: Handle): void;
  dispose(tensor: Handle): void;
  /** Disposes of what the program has lost and the garbage collector found. */
  collect(tensor: Handle): void;
  data(tensor: Handle): Promise<TypedArray>;
  dataSync(tensor: Handle): TypedArray;
  synchronize(): Promise<void>;
  setExpress(express: boolean): void;
  setThreads(threads: number): void;
  memory(): Memory;
  resetPeak(): void;
  emptyPool(): void;
  cpuInfo(): CpuInfo;

  // probe.cc
  /**
   * [3]: 10⁹ operations of multiply-adds, bytes of a copy and bytes of a triad (x + a·y) a second, the best seen in
   * 1 to 1000 milliseconds, memory's on arrays of so many floats.
   */
  measurePeak(milliseconds: number, floats: number): Handle;
  /** Records the commands that this environment enqueues from now on, a million at most. */
  startProfile(): void;
  /** Those that have run, in their order. */
  stopProfile(): ProfileEntry[];

  // elementwise.cc
  neg(input: Handle): Handle;
  exp(input: Handle): Handle;
  log(input: Handle): Handle;
  sqrt(input: Handle): Handle;
  abs(input: Handle): Handle;
  sign(input: Handle): Handle;
  square(input: Handle): Handle;
  reciprocal(input: Handle): Handle;
  floor(input: Handle): Handle;
  ceil(input: Handle): Handle;
  round(input: Handle): Handle;
  relu(input: Handle): Handle;
  add(a: Handle, b: Handle): Handle;
  sub(a: Handle, b: Handle): Handle;
  mul(a: Handle, b: Handle): Handle;
  div(a: Handle, b: Handle): Handle;
  /** i32, cut off towards 0; 0 where b is 0. */
  divTruncated(a: Handle, b: Handle): Handle;
  pow(a: Handle, b: Handle): Handle;
  maximum(a: Handle, b: Handle): Handle;
  minimum(a: Handle, b: Handle): Handle;
  /** Disposes the gradient's handle: where it was the last, the result is made in place. */
  reluBackward(gradient: Handle, output: Handle): Handle;
  /** The same, and its sum over all axes but the last. Disposes the gradient's handle likewise. */
  reluBiasBackward(gradient: Handle, output: Handle): [Handle, Handle];
  /** The sum of tensors of one shape. Disposes their handles: the result is made in place of one that had no other. */
  addUp(inputs: readonly Handle[]): Handle;
  equal(a: Handle, b: Handle): Handle;
  notEqual(a: Handle, b: Handle): Handle;
  less(a: Handle, b: Handle): Handle;
  lessEqual(a: Handle, b: Handle): Handle;
  greater(a: Handle, b: Handle): Handle;
  greaterEqual(a: Handle, b: Handle): Handle;
  where(condition: Handle, a: Handle, b: Handle): Handle;

  // activation.cc; those that go backward dispose the gradient's handle: where it was the last, the result is in place
  sigmoid(input: Handle): Handle;
  sigmoidBackward(gradient: Handle, output: Handle): Handle;
  tanh(input: Handle): Handle;
  tanhBackward(gradient: Handle, output: Handle): Handle;
  erf(input: Handle): Handle;
  erfBackward(gradient: Handle, input: Handle): Handle;
  leakyRelu(input: Handle, negativeSlope: number): Handle;
  leakyReluBackward(gradient: Handle, input: Handle, negativeSlope: number): Handle;
  relu6(input: Handle): Handle;
  relu6Backward(gradient: Handle, output: Handle): Handle;
  elu(input: Handle, alpha: number): Handle;
  eluBackward(gradient: Handle, output: Handle, alpha: number): Handle;
  selu(input: Handle): Handle;
  seluBackward(gradient: Handle, output: Handle): Handle;
  gelu(input: Handle): Handle;
  geluBackward(gradient: Handle, input: Handle): Handle;
  geluTanh(input: Handle): Handle;
  geluTanhBackward(gradient: Handle, input: Handle): Handle;
  silu(input: Handle): Handle;
  siluBackward(gradient: Handle, input: Handle): Handle;
  hardswish(input: Handle): Handle;
  hardswishBackward(gradient: Handle, input: Handle): Handle;
  hardsigmoid(input: Handle, alpha: number, beta: number): Handle;
  hardsigmoidBackward(gradient: Handle, output: Handle, alpha: number, beta: number): Handle;
  clamp(input: Handle, min: number, max: number): Handle;
  clampBackward(gradient: Handle, input: Handle, min: number, max: number): Handle;
  mish(input: Handle): Handle;
  mishBackward(gradient: Handle, input: Handle): Handle;
  softplus(input: Handle, beta: number, threshold: number): Handle;
  softplusBackward(gradient: Handle, input: Handle, beta: number, threshold: number): Handle;
  logSigmoid(input: Handle): Handle;
  logSigmoidBackward(gradient: Handle, input: Handle): Handle;
  softsign(input: Handle): Handle;
  softsignBackward(gradient: Handle, output: Handle): Handle;
  /** The weight is one slope, or one for each channel. */
  prelu(input: Handle, weight: Handle): Handle;
  preluBackward(gradient: Handle, input: Handle, weight: Handle): [byInput: Handle, byWeight: Handle];
  /** Where `places`, also which of the pieces was the largest, as u8. */
  maxout(input: Handle, pieces: number, places: boolean): [output: Handle, places: Handle | null];
  /** Leaves the gradient's handle alone. */
  maxoutBackward(gradient: Handle, places: Handle, pieces: number): Handle;

  // creation.cc
  full(shape: readonly number[], value: number, dtype: DType): Handle;
  /** As full() of f32, for what lasts from step to step: its memory lies apart from what comes and goes in each. */
  lasting(shape: readonly number[], value: number): Handle;
  arange(start: number, end: number, step: number, dtype: DType): Handle;
  oneHot(indices: Handle, classes: number): Handle;
  /** A tensor that has the dtype already comes back under another handle, over the same storage. */
  cast(input: Handle, dtype: DType): Handle;
  uniform(shape: readonly number[], low: number, high: number, seed: number, stream: number): Handle;
  normal(shape: readonly number[], mean: number, deviation: number, seed: number, stream: number): Handle;
  permutation(length: number, seed: number, stream: number): Handle;
  /**
   * Where nothing is to be dropped, another handle over the same storage; `inverted` makes the mean stay. The gradient is
   * dropout of the gradient.
   */
  dropout(
    input: Handle,
    probability: number,
    training: boolean,
    inverted: boolean,
    seed: number,
    stream: number,
  ): Handle;
  /** 1 with the probability that each place has, else 0. */
  bernoulli(probabilities: Handle, seed: number, stream: number): Handle;
  /** The generator's block of four words, for its published answers. */
  philox(counter: readonly number[], key: readonly number[]): number[];

  // initialization.cc
  /** Of the normal distribution's numbers, those in [a, b]. */
  truncatedNormal(
    shape: readonly number[],
    mean: number,
    std: number,
    a: number,
    b: number,
    seed: number,
    stream: number,
  ): Handle;
  /** gain·Q, where Q has orthonormal rows, or columns where it has more rows. */
  orthogonal(rows: number, columns: number, gain: number, seed: number, stream: number): Handle;

  // movement.cc
  transpose(input: Handle, axes: readonly number[]): Handle;
  slice(input: Handle, begin: readonly number[], end: readonly number[], step: readonly number[]): Handle;
  sliceBackward(
    gradient: Handle,
    inputShape: readonly number[],
    begin: readonly number[],
    step: readonly number[],
  ): Handle;
  pad(input: Handle, before: readonly number[], after: readonly number[], value: number): Handle;
  concat(inputs: readonly Handle[], axis: number): Handle;
  split(input: Handle, sizes: readonly number[], axis: number): Handle[];
  broadcastTo(input: Handle, shape: readonly number[]): Handle;
  gather(input: Handle, indices: Handle, axis: number): Handle;
  /** `rows` is the input's extent along the axis, which is counted from the front. */
  gatherBackward(gradient: Handle, indices: Handle, rows: number, axis: number): Handle;

  // reduce.cc; axes null are all axes
  sum(input: Handle, axes: readonly number[] | null, keepDims: boolean): Handle;
  mean(input: Handle, axes: readonly number[] | null, keepDims: boolean): Handle;
  max(input: Handle, axes: readonly number[] | null, keepDims: boolean): Handle;
  min(input: Handle, axes: readonly number[] | null, keepDims: boolean): Handle;
  argMax(input: Handle, axis: number, keepDims: boolean): Handle;

  // softmax.cc
  softmax(input: Handle, axis: number): Handle;
  softmaxBackward(gradient: Handle, output: Handle, axis: number): Handle;
  logSoftmax(input: Handle, axis: number): Handle;
  logSoftmaxBackward(gradient: Handle, output: Handle, axis: number): Handle;

  // class_loss.cc; target is i32 labels, or in crossEntropy f32 distributions
  /** The loss, and the probabilities, which rows of ignored labels lack. */
  crossEntropy(
    logits: Handle,
    target: Handle,
    classWeights: Handle | null,
    sampleWeight: Handle | null,
    reduction: string,
    ignoreIndex: number,
    labelSmoothing: number,
  ): [loss: Handle, probabilities: Handle];
  crossEntropyBackward(
    gradient: Handle,
    probabilities: Handle,
    target: Handle,
    classWeights: Handle | null,
    sampleWeight: Handle | null,
    reduction: string,
    ignoreIndex: number,
    labelSmoothing: number,
  ): Handle;
  nll(
    input: Handle,
    target: Handle,
    classWeights: Handle | null,
    sampleWeight: Handle | null,
    reduction: string,
    ignoreIndex: number,
  ): Handle;
  nllBackward(
    gradient: Handle,
    inputShape: readonly number[],
    target: Handle,
    classWeights: Handle | null,
    sampleWeight: Handle | null,
    reduction: string,
    ignoreIndex: number,
  ): Handle;
  multiMargin(
    input: Handle,
    target: Handle,
    classWeights: Handle | null,
    sampleWeight: Handle | null,
    reduction: string,
    p: number,
    margin: number,
  ): Handle;
  multiMarginBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    classWeights: Handle | null,
    sampleWeight: Handle | null,
    reduction: string,
    p: number,
    margin: number,
  ): Handle;

  // point_loss.cc; reduction is 'mean', 'sum', 'none', in klDiv also 'batchmean'; gradients are by the input
  mse(input: Handle, target: Handle, sampleWeight: Handle | null, reduction: string): Handle;
  mseBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
  ): Handle;
  l1(input: Handle, target: Handle, sampleWeight: Handle | null, reduction: string): Handle;
  l1Backward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
  ): Handle;
  huber(input: Handle, target: Handle, sampleWeight: Handle | null, reduction: string, delta: number): Handle;
  huberBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    delta: number,
  ): Handle;
  smoothL1(
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    beta: number,
  ): Handle;
  smoothL1Backward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    beta: number,
  ): Handle;
  binaryCrossEntropy(input: Handle, target: Handle, sampleWeight: Handle | null, reduction: string): Handle;
  binaryCrossEntropyBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
  ): Handle;
  binaryCrossEntropyWithLogits(
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    posWeight: Handle | null,
  ): Handle;
  binaryCrossEntropyWithLogitsBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    posWeight: Handle | null,
  ): Handle;
  klDiv(
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    logTarget: boolean,
  ): Handle;
  klDivBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    logTarget: boolean,
  ): Handle;
  hinge(
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    squared: boolean,
  ): Handle;
  hingeBackward(
    gradient: Handle,
    input: Handle,
    target: Handle,
    sampleWeight: Handle | null,
    reduction: string,
    squared: boolean,
  ): Handle;

  // penalty.cc
  /** lambda·Σ|w| over all parameters. */
  l1Penalty(parameters: readonly Handle[], lambda: number): Handle;
  /** The gradient by one of them. */
  l1PenaltyBackward(gradient: Handle, parameter: Handle, lambda: number): Handle;
  /** lambda/2·Σw². */
  l2Penalty(parameters: readonly Handle[], lambda: number): Handle;
  l2PenaltyBackward(gradient: Handle, parameter: Handle, lambda: number): Handle;
  /** Changes the gradients. */
  clipGradValue(gradients: readonly Handle[], clipValue: number): void;
  /** Changes the parameters that have two or more axes. */
  clipMaxNorm(parameters: readonly Handle[], maxNorm: number): void;

  // matmul.cc
  matmul(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle;
  linear(input: Handle, weight: Handle, bias: Handle | null, relu: boolean): Handle;

  // conv.cc; stride and dilation are [height, width], padding [top, bottom, left, right]
  conv2d(
    input: Handle,
    weight: Handle,
    bias: Handle | null,
    residual: Handle | null,
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
    relu: boolean,
    moments: boolean,
    algorithm: string,
  ): Handle;
  conv2dByInput(
    gradient: Handle,
    weight: Handle,
    inputShape: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
    algorithm: string,
  ): Handle;
  conv2dByWeight(
    gradient: Handle,
    input: Handle,
    weightShape: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
    algorithm: string,
  ): Handle;
  /** conv2d and maxPool2d over windows side by side in one pass; null where two passes are as fast. */
  conv2dMaxPool2d(
    input: Handle,
    weight: Handle,
    bias: Handle | null,
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
    relu: boolean,
    algorithm: string,
    kernel: readonly number[],
    indices: boolean,
  ): [output: Handle, indices: Handle | null] | null;
  conv2dMaxPool2dByWeight(
    gradient: Handle,
    indices: Handle,
    input: Handle,
    weightShape: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
    kernel: readonly number[],
  ): Handle;
  /** The algorithms that can run a pass ('forward', 'byInput', 'byWeight'), the one that 'auto' takes first. */
  conv2dPlan(
    pass: string,
    inputShape: readonly number[],
    weightShape: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    groups: number,
  ): { algorithm: string; milliseconds: number }[];

  convTranspose2d(
    input: Handle,
    weight: Handle,
    bias: Handle | null,
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    outputPadding: readonly number[],
    groups: number,
    relu: boolean,
  ): Handle;

  // pool.cc; as in conv.cc
  maxPool2d(
    input: Handle,
    kernel: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    ceilMode: boolean,
    indices: boolean,
  ): [output: Handle, indices: Handle | null];
  maxPool2dBackward(
    gradient: Handle,
    indices: Handle,
    inputShape: readonly number[],
    kernel: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
  ): Handle;
  avgPool2d(
    input: Handle,
    kernel: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    ceilMode: boolean,
    countIncludePad: boolean,
  ): Handle;
  avgPool2dBackward(
    gradient: Handle,
    inputShape: readonly number[],
    kernel: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    countIncludePad: boolean,
  ): Handle;

  // adaptive_pool.cc; outputSize is [height, width], places are row·width + column
  adaptiveAvgPool2d(input: Handle, outputSize: readonly number[]): Handle;
  adaptiveAvgPool2dBackward(gradient: Handle, inputShape: readonly number[]): Handle;
  adaptiveMaxPool2d(input: Handle, outputSize: readonly number[]): [output: Handle, places: Handle];
  adaptiveMaxPool2dBackward(gradient: Handle, places: Handle, inputShape: readonly number[]): Handle;

  // upsample.cc; size is [height, width], mode 'nearest', 'bilinear' or 'bilinear, corners aligned'
  upsample2d(input: Handle, size: readonly number[], mode: string): Handle;
  upsample2dBackward(gradient: Handle, inputShape: readonly number[], mode: string): Handle;
  // unpool.cc; indices are places in an image, row·width + column, but for those that maxPool2d gave
  maxPool2dPlaces(
    indices: Handle,
    inputShape: readonly number[],
    kernel: readonly number[],
    stride: readonly number[],
    padding: readonly number[],
    dilation: readonly number[],
    ceilMode: boolean,
  ): Handle;
  maxUnpool2d(input: Handle, indices: Handle, outputSize: readonly number[]): Handle;
  maxUnpool2dBackward(gradient: Handle, indices: Handle): Handle;

  // norm.cc; statistics is what batchNormBackward is to be given, and the mask, which is asked for with relu and a
  // residual where there will be one
  /** Normalizes by the batch's statistics and moves the running ones, where given, in place. */
  batchNorm(
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    runningMean: Handle | null,
    runningVar: Handle | null,
    residual: Handle | null,
    momentum: number,
    eps: number,
    relu: boolean,
    mask: boolean,
  ): [output: Handle, statistics: Handle, mask: Handle | null];
  /** Normalizes by the given statistics. */
  batchNormInference(
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    runningMean: Handle,
    runningVar: Handle,
    residual: Handle | null,
    eps: number,
    relu: boolean,
    mask: boolean,
  ): [output: Handle, statistics: Handle, mask: Handle | null];
  /**
   * The gradients of batchNorm, or where not `ofBatch` of batchNormInference, from one gradient by the output or two to
   * be added, whose handles it disposes: results go where they are. Wants the mask where there were relu and a residual.
   * `counted` is the gradient by the residual; null where that is the one given, and without a mask.
   */
  batchNormBackward(
    gradients: readonly Handle[],
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    statistics: Handle,
    mask: Handle | null,
    relu: boolean,
    ofBatch: boolean,
  ): [byInput: Handle, byWeight: Handle, byBias: Handle, counted: Handle | null];

  // group_norm.cc; statistics is what the backward passes are to be given, which dispose the gradient's handle: the one
  // by the input goes where it is. `affine` asks for the gradients by weight and bias
  layerNorm(
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    normalizedShape: readonly number[],
    eps: number,
  ): [output: Handle, statistics: Handle];
  layerNormBackward(
    gradient: Handle,
    input: Handle,
    weight: Handle | null,
    statistics: Handle,
    normalizedShape: readonly number[],
    affine: boolean,
  ): [byInput: Handle, byWeight: Handle | null, byBias: Handle | null];
  groupNorm(
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    numGroups: number,
    eps: number,
  ): [output: Handle, statistics: Handle];
  groupNormBackward(
    gradient: Handle,
    input: Handle,
    weight: Handle | null,
    statistics: Handle,
    numGroups: number,
    affine: boolean,
  ): [byInput: Handle, byWeight: Handle | null, byBias: Handle | null];
  /** groupNorm with a group for each channel; moves the running statistics, where given, in place. */
  instanceNorm(
    input: Handle,
    weight: Handle | null,
    bias: Handle | null,
    runningMean: Handle | null,
    runningVar: Handle | null,
    momentum: number,
    eps: number,
  ): [output: Handle, statistics: Handle];

  // local_response.cc
  localResponseNorm(input: Handle, size: number, alpha: number, beta: number, k: number): Handle;
  localResponseNormBackward(
    gradient: Handle,
    input: Handle,
    size: number,
    alpha: number,
    beta: number,
    k: number,
  ): Handle;

  // optimizer.cc; parameters and state change in place
  /**
   * Of `steps`, how many each parameter will have taken after this one. Clipping is infinite where there is none;
   * `totalNorm` is the norm that clipNorm bounds where it is of more gradients than these.
   */
  sgd(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    velocities: readonly Handle[],
    steps: readonly number[],
    lr: number,
    momentum: number,
    dampening: number,
    weightDecay: number,
    nesterov: boolean,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  adam(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    means: readonly Handle[],
    variances: readonly Handle[],
    highest: readonly Handle[],
    steps: readonly number[],
    lr: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    decoupled: boolean,
    biasCorrection: boolean,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  nadam(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    means: readonly Handle[],
    variances: readonly Handle[],
    steps: readonly number[],
    lr: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    decoupled: boolean,
    momentumDecay: number,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  adagrad(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    sums: readonly Handle[],
    steps: readonly number[],
    lr: number,
    lrDecay: number,
    eps: number,
    weightDecay: number,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  adadelta(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    squares: readonly Handle[],
    changes: readonly Handle[],
    lr: number,
    rho: number,
    eps: number,
    weightDecay: number,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  rmsProp(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    squares: readonly Handle[],
    means: readonly Handle[],
    velocities: readonly Handle[],
    lr: number,
    alpha: number,
    eps: number,
    weightDecay: number,
    momentum: number,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  lion(
    parameters: readonly Handle[],
    gradients: readonly Handle[],
    means: readonly Handle[],
    lr: number,
    beta1: number,
    beta2: number,
    weightDecay: number,
    clipValue: number,
    clipNorm: number,
    maxNorm: number,
    totalNorm: Handle | null,
  ): void;
  /** The norm of gradients whose elements are clipped to [−clipValue, clipValue]. */
  gradientNorm(gradients: readonly Handle[], clipValue: number): Handle;
  /** Changes the gradients; gives the norm that they had. */
  clipGradNorm(gradients: readonly Handle[], maxNorm: number): Handle;

  // training.cc
  /** averages[i] ← decay·averages[i] + (1 − decay)·values[i], in place. */
  movingAverage(averages: readonly Handle[], values: readonly Handle[], decay: number): void;
  /**
   * `value` in the shape of an input of one element. Fails where that is not finite, or where `previous` has failed: what
   * depends on it does not happen then.
   */
  whenFinite(input: Handle, value: number, previous: Handle | null): Handle;

  // lbfgs.cc; vectors [n]
  dot(a: Handle, b: Handle): Handle;
  /** From how gradients have changed with the moves of the parameters, the oldest first. */
  lbfgsDirection(gradient: Handle, differences: readonly Handle[], moves: readonly Handle[]): Handle;

  // image.cc; fill, mean and std are [C], boxes i32 [N, 4] of top, left, bottom, right
  /**
   * Images are f32, or u8 for x/255. `windows` i32 [N, 4]: top, left, whether mirrored left to right, whether upside
   * down; of images by number where there are indices [N].
   */
  cropFlip(
    images: Handle,
    indices: Handle | null,
    windows: Handle,
    size: readonly number[],
    paddingMode: string,
    fill: Handle,
    mean: Handle | null,
    std: Handle | null,
  ): Handle;
  /** `matrices` [N, 2, 3] map places (x, y) of the result to those of the image; without fill its border goes on. */
  affine(
    input: Handle,
    matrices: Handle,
    size: readonly number[],
    bilinear: boolean,
    fill: Handle | null,
  ): Handle;
  /** Of whole images where there are no boxes. */
  resizedCrop(input: Handle, boxes: Handle | null, size: readonly number[], interpolation: string): Handle;
  /** By a filter of rows and one of columns for each image, [N, U] and [N, V]. */
  blur(input: Handle, vertical: Handle, horizontal: Handle): Handle;
  eraseBoxes(input: Handle, boxes: Handle, fill: Handle): Handle;
  pasteBoxes(input: Handle, other: Handle, boxes: Handle, partners: Handle): Handle;
  rgbToHsv(input: Handle): Handle;
  hsvToRgb(input: Handle): Handle;
  /** Brightness 0, contrast 1, saturation 2, hue 3: [N, 4] of how much, i32 [N, 4] of which comes when (4: none). */
  adjustColors(input: Handle, factors: Handle, order: Handle): Handle;

  // sample.cc
  mix(input: Handle, partners: Handle, share: Handle): Handle;
  sameClassPartners(labels: Handle, uniform: Handle): Handle;
  /** What is added to a sample depends on its index, of `indices` i32 [N], and the last three alone. */
  sampleNoise(
    input: Handle,
    indices: Handle,
    mean: number,
    std: number,
    clip: boolean,
    seed: number,
    epoch: number,
    place: number,
  ): Handle;
  /** A copy, which fails where a value is not finite. */
  checkFinite(input: Handle, indices: Handle): Handle;

  // eigen.cc
  /** Of a symmetric matrix, in ascending order; vectors are columns. */
  eigh(input: Handle): [values: Handle, vectors: Handle];
}
