import type { nn } from '../../lib/index.js';
import { f32 } from '../check.js';
import { pattern } from '../fixtures/pattern.js';

/** As test/fixtures/networks.py and segmentation.py set them. */
export function setParameters(module: nn.Module): void {
  for (const [i, parameter] of module.parameters().entries()) {
    const { shape } = parameter;
    const scale = Math.sqrt(6 / shape.slice(0, -1).reduce((n, extent) => n * extent, 1));
    const values = pattern(shape, i + 2).map((v) => (shape.length === 1 ? 0.5 + 0.25 * v : v * scale));
    parameter.assign(f32(values, shape));
  }
}
