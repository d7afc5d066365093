"""Writes a network as ONNX: python export.py FILE FACTS, the facts as for steps.py."""

import inspect
import json
import sys

import torch

from networks import NETWORKS

path, facts = sys.argv[1], json.loads(sys.argv[2])
torch.manual_seed(0)
x = torch.randn(facts["batch"], facts["channels"], facts["side"], facts["side"])
model = NETWORKS[facts["model"]](facts["classes"]).eval()
options = dict(opset_version=13, input_names=["x"], output_names=["y"])
# Where there is a newer exporter, it wants packages that this one does without.
if "dynamo" in inspect.signature(torch.onnx.export).parameters:
    options["dynamo"] = False
torch.onnx.export(model, x, path, **options)
