// How large a network is, what it costs and how far it sees, before it is trained.
import { models, nn } from 'striate';

// Three 3×3 convolutions see as far as one of 7×7, with fewer weights and two activations more.
const three = nn.receptiveField([{ kernelSize: 3 }, { kernelSize: 3 }, { kernelSize: 3 }]);
const one = nn.receptiveField([{ kernelSize: 7 }]);
const channels = { inChannels: 64, outChannels: 64 };
console.log(`three 3×3 convolutions see ${three.size} places, one of 7×7 sees ${one.size}`);
console.log(
  `weights: ${3 * nn.convParameters({ ...channels, kernelSize: [3, 3] })} and ${nn.convParameters({ ...channels, kernelSize: [7, 7] })}`,
);

// Strides and poolings make what follows see further.
const strided = nn.receptiveField([
  { kernelSize: 3, stride: 2 },
  { kernelSize: 3, stride: 2 },
  { kernelSize: 3 },
]);
console.log(`with strides of 2 on the way: ${strided.size} places, ${strided.jump} apart`);

console.log(`\nLeNet-5\n${nn.summary(models.lenet5(), [28, 28, 1])}`);

// What does not fit together is told by name.
const wrong = new nn.Sequential({
  conv: new nn.Conv2d(1, 8, 3),
  flatten: new nn.Flatten(),
  fc: new nn.Linear(100, 10),
});
try {
  nn.summary(wrong, [28, 28, 1]);
} catch (error) {
  console.log(`\n${error.message}`);
}
