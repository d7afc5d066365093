import type { Module } from './module.js';

/** Calls `work` with the model in eval mode; each module inside is in its own mode again afterwards. */
export function inEval<T>(model: Module, work: () => T): T {
  const modes = Array.from(model.modules(), ([, module]) => [module, module.training] as const);
  model.eval();
  try {
    return work();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}
