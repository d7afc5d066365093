import { channelList, type PerChannel } from '../../ops/channels.js';
import { WindowTransform, type WindowPlan } from './window.js';

/**
 * Each channel of images by a mean and a deviation that are known: (x − mean)/std. `preprocessing.Standardize` measures
 * them.
 */
export class Normalize extends WindowTransform {
  readonly mean: PerChannel;
  readonly std: PerChannel;

  /** @throws RangeError for deviations that are not above 0 */
  constructor(mean: PerChannel, std: PerChannel) {
    super();
    channelList('Normalize', 'mean', mean);
    for (const value of channelList('Normalize', 'std', std)) {
      if (!(value > 0)) throw new RangeError(`Normalize: std is ${value}, wants numbers above 0`);
    }
    this.mean = mean;
    this.std = std;
  }

  override join(plan: WindowPlan): boolean {
    return plan.rescale(this.mean, this.std);
  }
}
