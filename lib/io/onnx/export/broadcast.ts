import type { DType } from '../../../../binding.js';
import type { Extent } from '../trace.js';
import { Constant } from './constant.js';
import type { Graph } from './graph.js';
import { count, fixed, same, type Operand } from './operand.js';
import { Value } from './value.js';

/** Operands as ONNX broadcasts them, and how the result lies. */
export interface Together {
  names: string[];
  result: (name: string, dtype: DType) => Value;
}

/** Lays operands beside each other, as one of them lies that has the result's shape: the others are brought to it. */
export function together(graph: Graph, operands: readonly Operand[], shape: readonly Extent[]): Together {
  const whole = (operand: Operand): boolean =>
    operand.shape.length === shape.length &&
    operand.shape.every((extent, axis) => same(extent, shape[axis]!));
  const found = operands.find((operand): operand is Value => operand instanceof Value && whole(operand));
  if (!found) {
    const order = count(shape.length);
    const names = operands.map((operand) => {
      const ones = shape.slice(operand.shape.length).map(() => fixed(1));
      return operand.reshaped([...ones, ...operand.shape]).grouped(order.map((axis) => [axis]));
    });
    return { names, result: (name, dtype) => Value.of(graph, name, dtype, shape, order) };
  }
  const split = operands.some((operand) => operand !== found && cuts(operand, found));
  const reference = split ? found.apart() : found;
  const names = operands.map((operand) => (operand === found ? reference.name : beside(operand, reference)));
  return { names, result: (name, dtype) => reference.like(name, dtype) };
}

/** The operand's extent along an axis of the reference is 1, and that of the reference perhaps not. */
function repeats(operand: Operand, reference: Value, axis: number): boolean {
  const extent = operand.shape[axis - reference.logical.length + operand.shape.length];
  return extent === undefined || same(extent, [1, 1]);
}

/** Whether an axis in which the reference lies is in part one along which the operand repeats. */
function cuts(operand: Operand, reference: Value): boolean {
  const repeated = new Set(reference.logical.filter((_, axis) => repeats(operand, reference, axis)).flat());
  return reference.physical.some(
    (atoms) => atoms.some((atom) => repeated.has(atom)) && !atoms.every((atom) => repeated.has(atom)),
  );
}

/** The operand's name in the form of the reference. */
function beside(operand: Operand, reference: Value): string {
  // A number broadcasts as it is.
  if (operand instanceof Constant && operand.size === 1) return operand.reshaped([]).name;
  const atoms = reference.logical.flat();
  const shape = reference.logical.flatMap((axis, i) =>
    repeats(operand, reference, i) ? axis.map(() => fixed(1)) : axis,
  );
  const groups = reference.physical.map((axis) => axis.map((atom) => atoms.indexOf(atom)));
  return operand.reshaped(shape).grouped(groups);
}
