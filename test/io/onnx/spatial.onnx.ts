import { backendTests, testBackend } from './backend.js';

/** The operators whose tests are run here, as names of tests begin. */
const operators =
  /^(averagepool|basic_conv|batchnorm|concat|constant|constant_pad|conv|convtranspose|depthtospace|dropout|edge_pad|flatten|gemm|globalaveragepool|globalmaxpool|identity|instancenorm|lppool|lrn|matmul|maxpool|reflect_pad|reshape|resize|shape|training_dropout|transpose|upsample|wrap_pad)(_|$)/;

/** What is not supported: how a file is refused that has it, or how its results differ. */
const excluded: readonly [tests: RegExp, why: string, error: RegExp][] = [
  [/_3d_(default|dilations)/, 'three axes of places', /3 axes of places/],
  [/^convtranspose_3d$/, 'three axes of places', /3 axes of places/],
  [/^batchnorm_.*_training_mode$/, 'the statistics of a batch as outputs', /gives the statistics of a batch/],
  [/^training_dropout(_default)?(_mask)?$/, 'random numbers of another generator', / is .*, wants /],
  [/^averagepool_2d_ceil_last_window_starts_on_pad$/, 'outputs rounded to four digits', / is .*, wants /],
  [/^identity_(opt|sequence)$/, 'values that are no tensors', /is no tensor/],
  [/^maxpool_2d_uint8$/, 'images of whole numbers', /is uint8, wants floats/],
  [/^maxpool_with_argmax/, 'the places of the largest values', /gives the places of the largest values/],
];

/** How many tests there are, and how many of them are refused, by version of ONNX's operators: that no test is lost. */
const counts = { debian: [165, 14], latest: [209, 24] };

const all = backendTests().filter((name) => operators.test(name) && !name.startsWith('constantofshape'));

testBackend(
  "ONNX's own tests of operators on images, products and shapes",
  all,
  excluded,
  counts[all.includes('wrap_pad') ? 'latest' : 'debian'],
);
