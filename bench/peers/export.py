"""Writes a network as ONNX: python export.py FILE FACTS, the facts as for steps.py."""

import json
import sys

import torch

from networks import NETWORKS

path, facts = sys.argv[1], json.loads(sys.argv[2])
torch.manual_seed(0)
x = torch.randn(facts["batch"], facts["channels"], facts["side"], facts["side"])
model = NETWORKS[facts["model"]](facts["classes"]).eval()
names = dict(input_names=["x"], output_names=["y"])
torch.onnx.export(model, x, path, opset_version=13, dynamo=False, **names)
