// LeNet-5 that has learnt the digits 0 to 6 learns 7, 8 and 9 from four images of each: sooner than one that knows nothing.
// Its linear layers alone, on features of its convolutions that are computed once; all of it; stage by stage, at rates that
// fall from the head down.
import { data, loss, models, optim, setSeed, tensor, Trainer, transfer } from 'striate';

const { train, test } = await data.digits();
const [known, perClass, draws, shown] = [7, 4, 3, [2, 5, 10, 20, 40]];

/** The digits from `from` to `to` − 1, numbered from 0 on; of each so many, without the first `skip`. */
async function digits(dataset, from, to, { skip = 0, most = Infinity } = {}) {
  const labels = await dataset.labels();
  const counts = new Array(10).fill(0);
  const chosen = [...labels.keys()].filter((i) => {
    if (labels[i] < from || labels[i] >= to) return false;
    const k = counts[labels[i]]++;
    return k >= skip && k < skip + most;
  });
  const [x] = dataset.batch(Int32Array.from(chosen));
  return new data.TensorDataset(x, tensor(Int32Array.from(chosen, (i) => labels[i] - from)));
}

/** Trains, and measures in the epochs shown. */
async function fit(model, few, unseen, { groups = model.parameters(), epochs = 40, callbacks = [] } = {}) {
  const optimizer = new optim.Adam(groups, { lr: 1e-3 });
  const trainer = new Trainer(model, { optimizer, loss: loss.crossEntropy, metrics: ['accuracy'] });
  const accuracies = [];
  const measure = {
    async onEpochEnd({ epoch }) {
      if (shown.includes(epoch)) accuracies.push((await trainer.evaluate(unseen)).accuracy);
    },
  };
  await trainer.fit(few, { epochs, seed: 1, progress: false, callbacks: [...callbacks, measure] });
  return accuracies;
}

setSeed(1);
const pretrained = models.lenet5({ classes: known, side: 32 });
const old = await fit(pretrained, await digits(train, 0, known), await digits(test, 0, known), {
  epochs: 10,
});
console.log(`0 to ${known - 1}: ${(100 * old.at(-1)).toFixed(1)}% of the test digits`);

/** A copy with a new head. */
function transferred() {
  const model = models.lenet5({ classes: known, side: 32 });
  model.loadStateDict(pretrained.stateDict());
  transfer.replaceHead(model, 10 - known);
  return model;
}

const ways = {
  'from scratch': (few, unseen) => fit(models.lenet5({ classes: 10 - known, side: 32 }), few, unseen),
  'linear layers': async (few, unseen) => {
    const { body, head } = transfer.splitAtHead(transferred(), { at: 'fc1' });
    const features = [few, unseen].map((dataset) => transfer.extractFeatures(body, dataset));
    return fit(head, ...(await Promise.all(features)));
  },
  'all of it': (few, unseen) => fit(transferred(), few, unseen),
  'stage by stage': (few, unseen) => {
    const model = transferred();
    const groups = transfer.stageGroups(model, { lr: 2e-3, decay: 0.8 });
    return fit(model, few, unseen, {
      groups,
      callbacks: [new transfer.GradualUnfreezing({ everyEpochs: 2 })],
    });
  },
};
const unseen = await digits(test, known, 10);
console.log(
  `${known} to 9, after so many epochs`.padEnd(26),
  shown.map((epoch) => String(epoch).padStart(6)).join(''),
);
for (const [name, way] of Object.entries(ways)) {
  const sums = shown.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    setSeed(2 + draw);
    const few = await digits(train, known, 10, { skip: draw * perClass, most: perClass });
    for (const [i, accuracy] of (await way(few, unseen)).entries()) sums[i] += accuracy / draws;
  }
  console.log(name.padEnd(26), sums.map((mean) => `${(100 * mean).toFixed(0)}%`.padStart(6)).join(''));
}
