"""Times a network in PyTorch: python steps.py train|infer FORMAT THREADS SECONDS FACTS, one JSON line.

FACTS is JSON with model, batch, side, channels and classes.
"""

import json
import resource
import sys

import torch

from clock import median_ms
from networks import NETWORKS

what, layout, threads, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
facts = json.loads(sys.argv[5])
torch.set_num_threads(threads)
torch.manual_seed(0)
memory_format = getattr(torch, layout)
batch, side, classes = facts["batch"], facts["side"], facts["classes"]
model = NETWORKS[facts["model"]](classes).to(memory_format=memory_format)
x = torch.randn(batch, facts["channels"], side, side).contiguous(memory_format=memory_format)
labels = torch.randint(0, classes, (batch,))

if what == "train":
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def work():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()

    ms = median_ms(work, seconds, least=3)
else:
    model.eval()
    with torch.inference_mode():
        ms = median_ms(lambda: model(x), seconds, least=3)

kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"model": facts["model"], "ms": ms, "residentBytes": kilobytes * 1024}))
