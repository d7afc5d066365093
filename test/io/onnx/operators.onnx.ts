import { backendTests, hasData, testBackend } from './backend.js';

/** The operators whose tests are run here, as names of tests begin. */
const operators = new RegExp(
  `^(${[
    ...['relu', 'leakyrelu', 'prelu', 'elu', 'selu', 'celu', 'sigmoid', 'tanh', 'hardsigmoid', 'hardswish'],
    ...['softplus', 'softsign', 'softmax', 'logsoftmax', 'gelu', 'mish', 'swish', 'thresholdedrelu', 'clip'],
    ...['add', 'sub', 'mul', 'div', 'pow', 'sum', 'mean', 'max', 'min', 'sqrt', 'exp', 'log', 'neg', 'abs'],
    ...['sign', 'reciprocal', 'floor', 'ceil', 'round', 'erf', 'isnan', 'where', 'equal', 'less', 'greater'],
    ...['not', 'and', 'or', 'xor', 'split', 'slice', 'gather', 'squeeze', 'unsqueeze', 'reduce', 'argmax'],
    ...['argmin', 'cast', 'castlike', 'expand', 'tile', 'constantofshape', 'range'],
  ].join('|')})(_|\\d|$)`,
);

/** Tests of other operators, whose names begin alike. */
const others = /^(split_to_sequence|gather_elements)/;

/** What is not supported: how a file is refused that has it. */
const excluded: readonly [tests: RegExp, why: string, error: RegExp][] = [
  [
    /_(u?int16|uint32|uint64)(_expanded)?$/,
    'whole numbers of other lengths',
    /element type \d+ \(u?int\d+\)/,
  ],
  // The older of the two sets has these as uint16.
  [/BFLOAT16/, 'numbers of 16 bits without a type of their own', /element type 4 \(uint16\)/],
  [/^range_.*_expanded$/, 'loops', /is a subgraph/],
  [/STRING|string/, 'strings', /element type 8 \(string\)/],
  [/FLOAT8|FLOAT4|INT4|INT2|e8m0/, 'numbers of 8 bits and fewer', /element type \d+/],
];

/** How many tests there are, and how many of them are refused, by version of ONNX: that no test is lost. */
const counts = { debian: [375, 24], latest: [539, 60] };

const all = backendTests().filter((name) => operators.test(name) && !others.test(name) && hasData(name));

testBackend(
  "ONNX's own tests of operators on elements, selections and reductions",
  all,
  excluded,
  counts[all.includes('mish') ? 'latest' : 'debian'],
);
