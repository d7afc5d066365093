/** A loss and metrics, as means over samples. */
export interface Measured {
  loss: number;
  /** By name, as in `accuracy`: those that the trainer has. */
  metrics: Record<string, number>;
  /** What metrics give that is more than a number, by their names: a confusion matrix, say. */
  tables?: Record<string, number[] | number[][]>;
}

/** What one epoch of training gave. */
export interface EpochRecord extends Measured {
  /** Counted from 1. Its loss and metrics are over the epoch's samples, each as the model was when it came. */
  epoch: number;
  /** On the validation data, after the epoch. */
  validation?: Measured;
  /** Of the optimizer's first group, in the epoch's last step. */
  learningRate: number;
  /** Of training, without validation. */
  seconds: number;
  samplesPerSecond: number;
}

export interface History {
  epochs: EpochRecord[];
}

/** What evaluate() gives. */
export interface Evaluation extends Measured {
  /** metrics.accuracy; NaN where the trainer lacks it. */
  accuracy: number;
  samples: number;
}

/**
 * A record's numbers by one name each, as they are watched and logged: `loss` and metrics under their names, those of the
 * validation data as `validationLoss`, `validationAccuracy` and the like.
 */
export function valuesOf({ loss, metrics, validation }: Omit<EpochRecord, 'epoch'>): Record<string, number> {
  const values: Record<string, number> = { loss, ...metrics };
  for (const [name, value] of validation
    ? Object.entries({ loss: validation.loss, ...validation.metrics })
    : [])
    values[`validation${name.charAt(0).toUpperCase()}${name.slice(1)}`] = value;
  return values;
}
