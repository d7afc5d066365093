import { data, loss, models, nn, ops, optim, tensor, Trainer, type EpochRecord, type Tensor } from 'striate';

class Head extends nn.Module {
  readonly out = new nn.Linear(4, 2);

  override forward(x: Tensor): Tensor {
    return this.out.forward(ops.relu(x));
  }
}

export async function trial(): Promise<EpochRecord[]> {
  const model: nn.Module = new nn.Sequential(models.lenet5({ side: 32 }), new nn.Linear(10, 4), new Head());
  const { train } = await data.digits();
  const trainer = new Trainer(model, {
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    loss: loss.crossEntropy,
  });
  const { epochs } = await trainer.fit(train, { epochs: 1, batchSize: 32 });
  const values: Float32Array = await tensor([1, 2, 3]).data();
  // @ts-expect-error: what has no such argument is refused
  new nn.Linear('4', values.length);
  return epochs;
}
