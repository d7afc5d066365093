/** What one epoch of training gave. */
export interface EpochRecord {
  /** Counted from 1. */
  epoch: number;
  /** The mean over the epoch's samples, each as the model was when it came. */
  loss: number;
  /** Where the trainer has this metric: the share of samples classified right, likewise. */
  accuracy?: number;
  /** On the validation data, after the epoch. */
  validationLoss?: number;
  validationAccuracy?: number;
  /** Of training, without validation. */
  seconds: number;
  samplesPerSecond: number;
}

export interface History {
  epochs: EpochRecord[];
}

/** What evaluate() gives. */
export interface Evaluation {
  loss: number;
  /** Where the trainer has this metric. */
  accuracy: number;
  samples: number;
}
