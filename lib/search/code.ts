import { StriateError } from '../native.js';
import { describe } from '../describe.js';
import * as nn from '../nn/index.js';
import { ones } from '../ops/creation.js';
import * as optim from '../optim/index.js';
import { Optimizer } from '../optim/optimizer.js';
import { argumentsOf, namesOf, type Argument } from './layerArguments.js';

/** What fits on a line. */
const width = 110;

/**
 * TypeScript that builds a model of nn's layers, as one that a search has found: a module that exports `model`, and with an
 * optimizer of one group `optimizer`. Parameters are those of a new model: weights are saved and loaded by io.
 *
 * ```ts
 * const { trainer } = await search.randomSearch(options);
 * await writeFile('found.ts', search.codeOf(trainer.model, trainer.optimizer));
 * ```
 *
 * @param model Sequential, Parallel, Residual and the layers of nn; nothing in two places
 * @throws StriateError that names a layer of another kind, and for an optimizer of several groups; TypeError for what is none
 */
export function codeOf(model: nn.Module, optimizer?: Optimizer): string {
  if (!(model instanceof nn.Module)) {
    throw new TypeError(`codeOf: model is ${describe(model)}, wants a Module`);
  }
  const seen = new Set<nn.Module>();
  const lines = [`export const model = ${written(model, '', seen, 0)};`];
  if (optimizer !== undefined) lines.push(optimizerCode(optimizer));
  const names = optimizer === undefined ? 'nn' : 'nn, optim';
  return [`import { ${names} } from 'striate';`, ...lines].join('\n\n') + '\n';
}

/** An expression that makes the module, for a place so many spaces from the left. */
function written(module: nn.Module, path: string, seen: Set<nn.Module>, indent: number): string {
  const { name } = module.constructor;
  const place = path === '' ? 'the model' : path;
  if (seen.has(module)) throw new StriateError(`codeOf: ${place} (${name}) stands in two places`);
  seen.add(module);
  if (!namesOf(nn).includes(name) || (nn as Record<string, unknown>)[name] !== module.constructor) {
    throw new StriateError(`codeOf: ${place} is of ${name}, which is none of nn's layers`);
  }
  const below = (child: string) => (path ? `${path}.${child}` : child);
  const children = [...module.children()];
  const inner = indent + 2;
  if (module instanceof nn.Sequential || module instanceof nn.Parallel) {
    const numbered = children.every(([key], i) => key === String(i));
    if (numbered) {
      const parts = children.map(([key, child]) => written(child, below(key), seen, inner));
      return call(name, parts, indent);
    }
    const parts = children.map(([key, child]) => `${keyOf(key)}: ${written(child, below(key), seen, inner)}`);
    return `new nn.${name}({\n${parts.map((part) => `${' '.repeat(inner)}${part},\n`).join('')}${' '.repeat(indent)}})`;
  }
  if (module instanceof nn.Residual) {
    const parts = children.map(([key, child]) => written(child, below(key), seen, inner));
    return call(name, parts, indent);
  }
  return call(name, argumentsOf(module, `codeOf: ${place}`).map(valueOf), indent);
}

function call(name: string, parts: readonly string[], indent: number): string {
  const line = `new nn.${name}(${parts.join(', ')})`;
  if (indent + line.length <= width && !line.includes('\n')) return line;
  const margin = ' '.repeat(indent + 2);
  return `new nn.${name}(\n${parts.map((part) => `${margin}${part},\n`).join('')}${' '.repeat(indent)})`;
}

function keyOf(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : stringOf(name);
}

function stringOf(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function valueOf(value: Argument): string {
  if (Array.isArray(value)) return `[${value.map((item: Argument) => valueOf(item)).join(', ')}]`;
  if (typeof value === 'string') return stringOf(value);
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return String(value);
  const fields = Object.entries(value).map(([key, item]) => `${keyOf(key)}: ${valueOf(item)}`);
  return `{ ${fields.join(', ')} }`;
}

function optimizerCode(optimizer: Optimizer): string {
  if (!(optimizer instanceof Optimizer)) {
    throw new TypeError(`codeOf: optimizer is ${describe(optimizer)}, wants one of optim's`);
  }
  const { name } = optimizer.constructor;
  const Kind = (optim as Record<string, unknown>)[name] as (new (of: unknown[]) => Optimizer) | undefined;
  if (Kind !== optimizer.constructor) throw new StriateError(`codeOf: ${name} is none of optim's optimizers`);
  if (optimizer.groups.length > 1) {
    throw new StriateError(`codeOf: the optimizer has ${optimizer.groups.length} groups, wants one`);
  }
  using parameter = new nn.Parameter(ones([1]));
  const usual = new Kind([parameter]).options as Record<string, Argument>;
  const options = Object.entries(optimizer.options as Record<string, Argument>).filter(
    ([key, value]) => key === 'lr' || JSON.stringify(value) !== JSON.stringify(usual[key]),
  );
  return `export const optimizer = new optim.${name}(model.parameters(), ${valueOf(Object.fromEntries(options))});`;
}
