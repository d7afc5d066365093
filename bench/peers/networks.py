"""The networks that striate bench times, in PyTorch, layer for layer."""

from torch import cat, nn


def convolution(inputs, outputs, kernel, stride=1, padding=0):
    """Without a bias: a batch norm follows."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)


def lenet5(classes):
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)),
    )


def alexnet(classes):
    def relu():
        return nn.ReLU(inplace=True)

    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), relu(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), relu(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), relu()),
        *(nn.Conv2d(384, 256, 3, padding=1), relu()),
        *(nn.Conv2d(256, 256, 3, padding=1), relu(), nn.MaxPool2d(3, 2)),
        *(nn.AdaptiveAvgPool2d(6), nn.Flatten()),
        *(nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), relu()),
        *(nn.Dropout(), nn.Linear(4096, 4096), relu(), nn.Linear(4096, classes)),
    )


def vgg16(classes):
    layers, inputs = [], 3
    for outputs, times in (64, 2), (128, 2), (256, 3), (512, 3), (512, 3):
        for _ in range(times):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    for features in 512 * 7 * 7, 4096:
        layers += [nn.Linear(features, 4096), nn.ReLU(inplace=True), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(4096, classes))


class Residual(nn.Module):
    """Two 3×3 convolutions, or 1×1, 3×3, 1×1 with four times the channels, beside a shortcut."""

    def __init__(self, inputs, channels, stride, bottleneck):
        super().__init__()
        outputs = 4 * channels if bottleneck else channels
        steps = (
            [(inputs, channels, 1, 1, 0), (channels, channels, 3, stride, 1), (channels, outputs, 1, 1, 0)]
            if bottleneck
            else [(inputs, channels, 3, stride, 1), (channels, channels, 3, 1, 1)]
        )
        layers = []
        for step in steps:
            layers += [convolution(*step), nn.BatchNorm2d(step[1]), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        self.relu = layers[-1]
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


def resnet(depths, classes, bottleneck=False, small_images=False):
    if small_images:
        layers = [convolution(3, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    else:
        layers = [convolution(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for stage, depth in enumerate(depths):
        channels = 64 * 2**stage
        for block in range(depth):
            layers.append(Residual(inputs, channels, 2 if stage > 0 and block == 0 else 1, bottleneck))
            inputs = 4 * channels if bottleneck else channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def normalized(inputs, outputs, kernel, stride=1, padding=0):
    step = convolution(inputs, outputs, kernel, stride, padding)
    return nn.Sequential(step, nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU(inplace=True))


class Inception(nn.Module):
    """1×1; 1×1 and 3×3; 1×1 and 5×5; pool and 1×1: side by side, then one behind the other."""

    def __init__(self, inputs, one, three, five, pooled):
        super().__init__()
        self.branches = nn.ModuleList(
            [
                normalized(inputs, one, 1),
                nn.Sequential(normalized(inputs, three[0], 1), normalized(*three, 3, padding=1)),
                nn.Sequential(normalized(inputs, five[0], 1), normalized(*five, 5, padding=2)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), normalized(inputs, pooled, 1)),
            ]
        )

    def forward(self, x):
        return cat([branch(x) for branch in self.branches], 1)


def googlenet(classes):
    def pool(kernel=3):
        return nn.MaxPool2d(kernel, 2, ceil_mode=True)

    return nn.Sequential(
        *(normalized(3, 64, 7, 2, 3), pool(), normalized(64, 64, 1), normalized(64, 192, 3, padding=1), pool()),
        Inception(192, 64, (96, 128), (16, 32), 32),
        Inception(256, 128, (128, 192), (32, 96), 64),
        pool(),
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128),
        pool(2),
        Inception(832, 256, (160, 320), (32, 128), 128),
        Inception(832, 384, (192, 384), (48, 128), 128),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1024, classes)),
    )


NETWORKS = {
    "lenet5": lenet5,
    "resnet18-cifar": lambda classes: resnet([2, 2, 2, 2], classes, small_images=True),
    "alexnet": alexnet,
    "vgg16": vgg16,
    "googlenet": googlenet,
    "resnet18": lambda classes: resnet([2, 2, 2, 2], classes),
    "resnet50": lambda classes: resnet([3, 4, 6, 3], classes, bottleneck=True),
}
