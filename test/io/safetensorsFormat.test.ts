import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type SafetensorsContents,
  type StoredTensor,
  decodeSafetensors,
  encodeSafetensors,
} from '../../lib/io/safetensorsFormat.js';

/** A file with this header, an object or its text, and this many bytes of data. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return new Uint8Array(Buffer.concat([length, text, Buffer.alloc(dataBytes)]));
}

const f32 = (shape: unknown, begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

const ones = (n: number): StoredTensor => ({ dtype: 'f32', shape: [n], data: new Float32Array(n).fill(1) });

function expectConsistent({ tensors }: SafetensorsContents): void {
  for (const { dtype, shape, data } of tensors.values()) {
    expect(data).toBeInstanceOf({ f32: Float32Array, i32: Int32Array, u8: Uint8Array }[dtype]);
    expect(data.length).toBe(shape.reduce((n, size) => n * size, 1));
  }
}

const bytesOf = ({ data }: StoredTensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

// Written by safetensors 0.8.0 for Python:
//   save({'weight': np.array([[1, 2, 3], [-0.5, 1e-3, np.inf]], np.float32), 'count': np.array(-7, np.int32),
//         'pixels': np.array([0, 127, 255], np.uint8), 'none': np.zeros((0, 4), np.float32)}, {'format': 'pt'})
const reference = new Uint8Array(
  Buffer.concat([
    Buffer.from('1001000000000000', 'hex'),
    Buffer.from(
      '{"__metadata__":{"format":"pt"},"none":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},' +
        '"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},' +
        '"count":{"dtype":"I32","shape":[],"data_offsets":[24,28]},' +
        '"pixels":{"dtype":"U8","shape":[3],"data_offsets":[28,31]}}    ',
    ),
    Buffer.from('0000803f0000004000004040000000bf6f12833a0000807ff9ffffff007fff', 'hex'),
  ]),
);
const referenceTensors: [string, StoredTensor][] = [
  ['none', { dtype: 'f32', shape: [0, 4], data: new Float32Array() }],
  ['weight', { dtype: 'f32', shape: [2, 3], data: new Float32Array([1, 2, 3, -0.5, 1e-3, Infinity]) }],
  ['count', { dtype: 'i32', shape: [], data: new Int32Array([-7]) }],
  ['pixels', { dtype: 'u8', shape: [3], data: new Uint8Array([0, 127, 255]) }],
];

describe('encodeSafetensors', () => {
  it('writes what the reference implementation writes', () => {
    expect(encodeSafetensors(referenceTensors, { format: 'pt' })).toEqual(reference);
  });

  it('puts larger elements first, so that all are aligned', () => {
    const pixels = referenceTensors.slice(-1);
    expect(encodeSafetensors([...pixels, ...referenceTensors.slice(0, -1)], { format: 'pt' })).toEqual(
      reference,
    );
  });

  it('starts the data at a multiple of 8, whatever the header', () => {
    for (let length = 0; length < 9; length++) {
      const bytes = encodeSafetensors([['n'.repeat(length), ones(1)]]);
      expect((bytes.length - 4) % 8).toBe(0);
      expect([...bytes.subarray(-4)]).toEqual([0, 0, 0x80, 0x3f]);
    }
  });

  it('writes no tensors, and only the part that a view shows', () => {
    expect(Buffer.from(encodeSafetensors([])).toString('latin1')).toBe('\x08\0\0\0\0\0\0\0{}      ');
    const data = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
    const bytes = encodeSafetensors(new Map([['t', { dtype: 'u8', shape: [2], data }]]));
    expect([...bytes.subarray(-3)]).toEqual([0x20, 1, 2]);
  });

  const label = 'encodeSafetensors: tensor "t"';
  const rejected: [why: string, write: () => unknown, error: Error][] = [
    [
      'a name given twice',
      () =>
        encodeSafetensors([
          ['t', ones(1)],
          ['t', ones(2)],
        ]),
      new RangeError(`${label} is given twice`),
    ],
    [
      'the reserved name',
      () => encodeSafetensors([['__metadata__', ones(1)]]),
      new RangeError('encodeSafetensors: tensor "__metadata__" has a name that the format reserves'),
    ],
    [
      'a name that UTF-8 cannot hold',
      () => encodeSafetensors([['\ud800', ones(1)]]),
      new RangeError('encodeSafetensors: tensor "\\ud800" is not well-formed Unicode'),
    ],
    [
      'a shape that does not fit',
      () => encodeSafetensors([['t', { ...ones(3), shape: [2, 2] }]]),
      new RangeError(`${label} has 3 elements and the shape [2, 2]`),
    ],
    [
      'a shape that is none',
      () => encodeSafetensors([['t', { ...ones(1), shape: [-1, -1] }]]),
      new RangeError(`${label} has 1 elements and the shape [-1, -1]`),
    ],
    [
      'data of another type',
      () => encodeSafetensors([['t', { ...ones(1), dtype: 'i32' } as unknown as StoredTensor]]),
      new TypeError(`${label} has dtype i32, wanted data of type Int32Array`),
    ],
    [
      'metadata other than text',
      () => encodeSafetensors([], { epoch: 3 as unknown as string }),
      new TypeError('encodeSafetensors: metadata "epoch" is a number, wanted a string'),
    ],
  ];
  for (const [why, write, error] of rejected) {
    it(`rejects ${why}`, () => expect(write).toThrow(error));
  }
});

describe('decodeSafetensors', () => {
  it('reads what the reference implementation writes', () => {
    const { tensors, metadata } = decodeSafetensors(reference, 'f');
    expect([...tensors]).toEqual(referenceTensors);
    expect({ ...metadata }).toEqual({ format: 'pt' });
  });

  it('copies, from any offset', () => {
    const padded = new Uint8Array([0, ...reference]);
    const { tensors } = decodeSafetensors(padded.subarray(1), 'f');
    padded.fill(0);
    expect([...tensors]).toEqual(referenceTensors);
  });

  it('accepts tensors in any order, spaces in the header, and members it does not know', () => {
    const header = ' \n{ "b": {"dtype":"U8", "shape":[1], "data_offsets":[4,5]}, "x:\\"{": ';
    const { tensors, metadata } = decodeSafetensors(
      file(`${header.trim()} {"shape":[1],"dtype":"F32","data_offsets":[0,4],"note":["a","a"]} } \n\t`, 5),
      'f',
    );
    expect([...tensors.keys()]).toEqual(['x:"{', 'b']);
    expect(Object.keys(metadata)).toEqual([]);
  });

  it('treats no name as special but the reserved one', () => {
    const names = ['__proto__', 'constructor', 'toString', '1', '0', ''];
    const bytes = encodeSafetensors(
      names.map((name, i) => [name, ones(i + 1)] as const),
      Object.fromEntries(names.map((name) => [name, name])),
    );
    const { tensors, metadata } = decodeSafetensors(bytes, 'f');
    expect([...tensors.keys()]).toEqual(names);
    expect(tensors.get('__proto__')).toEqual(ones(1));
    expect(Object.keys(metadata).sort()).toEqual(names.sort());
    expect(metadata.__proto__).toBe('__proto__');
  });

  it('rejects a file cut short anywhere, or longer', () => {
    for (let length = 0; length < reference.length; length++) {
      expect(() => decodeSafetensors(reference.subarray(0, length), 'a.safetensors')).toThrow(
        /^a\.safetensors: (safetensors file is cut short|tensor .* within the \d+ bytes of data)/,
      );
    }
    expect(() => decodeSafetensors(new Uint8Array([...reference, 0]), 'a.safetensors')).toThrow(
      'a.safetensors: the tensors cover 31 of 32 bytes of data',
    );
  });

  it('rejects a header length beyond the limit, without a look at the rest', () => {
    const bytes = new Uint8Array(16).fill(0xff, 0, 8);
    expect(() => decodeSafetensors(bytes, 'f')).toThrow(
      'f: not a safetensors file: its header would take 18446744073709551615 bytes, the format allows 100000000',
    );
  });

  it('rejects text that is not UTF-8', () => {
    const bytes = file('{"?": 1}', 0);
    bytes[10] = 0xff;
    expect(() => decodeSafetensors(bytes, 'f')).toThrow('f: the safetensors header is not JSON in UTF-8: ');
  });

  const dtypes = ['U16', 'U32', 'U64', 'F8_E4M3', 'C64', 'f32', '', '__proto__', null, ['F32']];
  for (const dtype of dtypes) {
    it(`rejects dtype ${JSON.stringify(dtype)}, and names the tensor`, () => {
      const bytes = file({ 'a.b': { dtype, shape: [8], data_offsets: [0, 8] } }, 8);
      expect(() => decodeSafetensors(bytes, 'f')).toThrow(
        `f: tensor "a.b" has dtype ${JSON.stringify(dtype)}, wanted one of F64, F32, F16, BF16, I64, `,
      );
    });
  }

  const rejected: [why: string, header: unknown, dataBytes: number, message: string][] = [
    ['an empty header', '', 0, 'f: the safetensors header is not JSON in UTF-8: '],
    ['broken JSON', '{"a":', 0, 'f: the safetensors header is not JSON in UTF-8: '],
    ['an array as header', '[]', 0, 'f: the safetensors header does not start with {'],
    ['a space before the header', ' {}', 0, 'f: the safetensors header does not start with {'],
    ['a byte order mark', '\ufeff{}', 0, 'f: the safetensors header is not JSON in UTF-8: '],
    ['data without tensors', {}, 1, 'f: the tensors cover 0 of 1 bytes of data'],
    [
      'a name given twice',
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
      1,
      'f: the safetensors header gives "a" twice',
    ],
    [
      'a shape given twice',
      '{"a":{"dtype":"U8","shape":[2],"shape" :[1],"data_offsets":[0,1]}}',
      1,
      'f: the safetensors header gives "shape" twice',
    ],
    ['an entry that is no object', { a: 3 }, 0, 'f: tensor "a" has no object with dtype'],
    ['a missing shape', { a: f32(undefined, 0, 4) }, 4, 'f: tensor "a" has shape undefined'],
    ['a negative dimension', { a: f32([-1, -1], 0, 4) }, 4, 'f: tensor "a" has shape [-1,-1]'],
    ['a fraction of a dimension', { a: f32([0.5, 2], 0, 4) }, 4, 'f: tensor "a" has shape [0.5,2]'],
    ['a dimension too large', '{"a":{"dtype":"U8","shape":[1e20],"data_offsets":[0,1]}}', 1, 'has shape'],
    [
      'a shape that overflows',
      { a: f32([2 ** 31, 2 ** 31, 2 ** 31], 0, 4) },
      4,
      'f: tensor "a" has 4 bytes of data, F32 of shape [2147483648, 2147483648, 2147483648] takes 3.9',
    ],
    [
      'a shape that does not fit',
      { a: f32([2, 3], 0, 20) },
      20,
      'f: tensor "a" has 20 bytes of data, F32 of shape [2, 3] takes 24',
    ],
    [
      'one offset',
      { a: { dtype: 'U8', shape: [1], data_offsets: [1] } },
      1,
      'f: tensor "a" has data_offsets [1], wanted [begin, end]',
    ],
    ['offsets that run backwards', { a: f32([1], 4, 0) }, 4, 'f: tensor "a" has -4 bytes of data'],
    ['a negative offset', { a: f32([1], -4, 0) }, 4, 'f: tensor "a" has data_offsets [-4,0]'],
    [
      'a hole at the start',
      { a: f32([1], 4, 8) },
      8,
      'f: tensor "a" has the data_offsets [4, 8], wanted 0 to begin with and an end within the 8 bytes',
    ],
    [
      'a hole in the middle',
      { a: f32([1], 0, 4), b: f32([1], 8, 12) },
      12,
      'f: tensor "b" has the data_offs',
    ],
    ['an overlap', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, 'f: tensor "b" has the data_offsets'],
    [
      'tensors that share data',
      { a: f32([1], 0, 4), b: f32([1], 0, 4) },
      4,
      'f: tensor "b" has the data_off',
    ],
    ['an end beyond the data', { a: f32([2], 0, 8) }, 7, 'f: tensor "a" has the data_offsets [0, 8]'],
    ['metadata that is no object', { __metadata__: 'pt' }, 0, 'f: __metadata__ is "pt", wanted an object'],
    [
      'metadata other than text',
      { __metadata__: { epoch: 3 } },
      0,
      'f: __metadata__ has "epoch": 3, wanted a string',
    ],
  ];
  for (const [why, header, dataBytes, message] of rejected) {
    it(`rejects ${why}`, () => {
      expect(() => decodeSafetensors(file(header, dataBytes), 'f')).toThrow(message);
    });
  }

  it('reads back whatever is written', () => {
    const shape = fc.array(fc.nat(4), { maxLength: 4 });
    const elements = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };
    const stored = fc
      .tuple(shape, fc.constantFrom('f32', 'i32', 'u8'), fc.nat())
      .map(([sizes, dtype, seed]) => {
        const data = new elements[dtype](sizes.reduce((n, size) => n * size, 1));
        // Any bit pattern is an element, NaN with a payload too.
        new Uint8Array(data.buffer).forEach((_, i, bytes) => (bytes[i] = (seed * (i + 1)) >>> (i % 24)));
        return { dtype, shape: sizes, data } as StoredTensor;
      });
    const text = fc.string({ unit: 'grapheme' });
    const name = text.filter((value) => value !== '__metadata__');
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, stored), { selector: ([key]) => key, maxLength: 8 }),
        fc.option(fc.dictionary(text, text), { nil: undefined }),
        (entries, metadata) => {
          const decoded = decodeSafetensors(encodeSafetensors(entries, metadata), 'f');
          expect(decoded.tensors.size).toBe(entries.length);
          for (const [key, tensor] of entries) {
            const read = decoded.tensors.get(key)!;
            expect([read.dtype, read.shape]).toEqual([tensor.dtype, tensor.shape]);
            expect(bytesOf(read).equals(bytesOf(tensor))).toBe(true);
          }
          expect(Object.entries(decoded.metadata)).toEqual(Object.entries(metadata ?? {}));
        },
      ),
    );
  });

  it('reads what is still consistent after a corruption, and rejects the rest', () => {
    const position = fc.nat(reference.length - 1);
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('0123456789[]{}",:\\ -e.')));
    const edits = fc.array(fc.tuple(position, byte), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = reference.slice();
        for (const [at, value] of changes) bytes[at] = value;
        let decoded: SafetensorsContents;
        try {
          decoded = decodeSafetensors(bytes, 'a.safetensors');
        } catch (error) {
          expect((error as Error).message).toMatch(/^a\.safetensors: /);
          return;
        }
        expectConsistent(decoded);
      }),
      { numRuns: 5000 },
    );
  });
});
