// LeNet-5 that has learnt the digits 0 to 6, moved, turned and stretched, learns 7, 8 and 9 from four images of each, and
// reads more of them than one that knows nothing. Its linear layers alone, on features of its convolutions that are computed
// once; all of it; stage by stage, at rates that fall from the head down.
import { data, loss, models, nn, optim, setSeed, tensor, Trainer, transfer } from 'striate';

const { train, test } = await data.digits();
const [known, perClass, draws, shown] = [7, 4, 2, [5, 10, 20, 40]];
const moves = new data.transforms.RandomAffine(15, {
  ...{ translate: [0.12, 0.12], scale: [0.8, 1.2], interpolation: 'bilinear' },
});
const network = (classes) => models.lenet5({ classes, side: 32 });

/** The digits from `from` to `to` − 1, numbered from 0 on, moved anew in each epoch; so many of each, without `skip`. */
async function digits(dataset, from, to, { skip = 0, most = Infinity } = {}) {
  const labels = await dataset.labels();
  const counts = new Array(10).fill(0);
  const chosen = [...labels.keys()].filter((i) => {
    if (labels[i] < from || labels[i] >= to) return false;
    const k = counts[labels[i]]++;
    return k >= skip && k < skip + most;
  });
  const [x] = dataset.batch(Int32Array.from(chosen));
  const own = tensor(Int32Array.from(chosen, (i) => labels[i] - from));
  return new data.TransformedDataset(new data.TensorDataset(x, own), [moves]);
}

/** The images as they are moved once: the features of no layer. */
const once = (dataset) => transfer.extractFeatures(new nn.Sequential(), dataset);

/** Trains, and measures after the epochs shown. */
async function fit(
  model,
  few,
  unseen,
  { groups = model.parameters(), lr = 1e-3, epochs = 40, callbacks = [] } = {},
) {
  const optimizer = new optim.Adam(groups, { lr });
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
const pretrained = network(known);
const old = [await digits(train, 0, known), await once(await digits(test, 0, known))];
const learnt = await fit(pretrained, ...old, { lr: 2e-3, epochs: 20 });
console.log(`0 to ${known - 1}, all images: ${(100 * learnt.at(-1)).toFixed(1)}% of the test digits`);

/** A copy with a new head. */
function transferred() {
  const model = network(known);
  model.loadStateDict(pretrained.stateDict());
  transfer.replaceHead(model, 10 - known);
  return model;
}

const ways = {
  'from scratch': (few, unseen) => fit(network(10 - known), few, unseen),
  'linear layers': async (few, unseen) => {
    const { body, head } = transfer.splitAtHead(transferred(), { at: 'fc1' });
    const [features, others] = [few, unseen].map((dataset) => transfer.extractFeatures(body, dataset));
    return fit(head, await features, await others, { lr: 2e-3 });
  },
  'all of it': (few, unseen) => fit(transferred(), few, unseen),
  'stage by stage': (few, unseen) => {
    const model = transferred();
    const groups = transfer.stageGroups(model, { lr: 2e-3, decay: 0.8 });
    return fit(model, few, unseen, {
      groups,
      callbacks: [new transfer.GradualUnfreezing({ everyEpochs: 3 })],
    });
  },
};
const unseen = await once(await digits(test, known, 10));
console.log(
  `${known} to 9, after so many epochs`.padEnd(28),
  shown.map((epoch) => String(epoch).padStart(6)).join(''),
);
for (const [name, way] of Object.entries(ways)) {
  const means = shown.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    setSeed(2 + draw);
    const few = await once(await digits(train, known, 10, { skip: draw * perClass, most: perClass }));
    for (const [i, accuracy] of (await way(few, unseen)).entries()) means[i] += accuracy / draws;
  }
  console.log(name.padEnd(28), means.map((mean) => `${(100 * mean).toFixed(0)}%`.padStart(6)).join(''));
}
