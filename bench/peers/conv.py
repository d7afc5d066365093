"""Times PyTorch's convolutions: python conv.py FORMAT THREADS SECONDS, the layers as JSON on standard input.

One JSON line for each pass of each layer, named as by striate bench conv.
"""

import json
import sys

import torch

from clock import median_ms

layout, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
torch.set_num_threads(threads)
memory_format = getattr(torch, layout)


def passes(layer):
    """The passes of a layer, as names and functions."""
    stride, padding, dilation = ([layer[key]] * 2 for key in ("stride", "padding", "dilation"))
    groups, kernel = layer["groups"], layer["kernel"]

    def noise(*shape):
        return torch.randn(shape).contiguous(memory_format=memory_format)

    x = noise(layer["batch"], layer["inputs"], layer["side"], layer["side"])
    weight = noise(layer["outputs"], layer["inputs"] // groups, kernel, kernel)

    def forward():
        return torch.nn.functional.conv2d(x, weight, None, stride, padding, dilation, groups)

    gradient = torch.randn_like(forward())

    def backward(of_data):
        wanted = [of_data, not of_data, False]
        options = (None, stride, padding, dilation, False, [0, 0], groups, wanted)
        return torch.ops.aten.convolution_backward(gradient, x, weight, *options)

    yield "fwd", forward
    if layer["inputs"] > 3:
        yield "bwdData", lambda: backward(True)
    yield "bwdWeights", lambda: backward(False)


with torch.no_grad():
    for layer in json.load(sys.stdin):
        for name, work in passes(layer):
            row = {"layer": layer["name"], "pass": name, "ms": median_ms(work, seconds)}
            print(json.dumps(row), flush=True)
