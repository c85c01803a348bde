"""Dawid and Skene beside crowd-kit on the crowd's own votes: the same labels, in at most 1.5 × the time.

``python -m venv ../crowd && ../crowd/bin/pip install crowd-kit==1.4.2``, then
``EVALPLUS_CROWD=../crowd/bin/python pytest -m benchmark -s tests/benchmarks/test_labels.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
from importlib.util import find_spec
from sys import executable

import numpy as np
import pytest

from mlflow_evalplus.core.consensus import dawid_skene
from tests.benchmarks.timing import medians
from tests.core.test_consensus import CROWD, crowd

INTERPRETER = os.environ.get("EVALPLUS_CROWD", executable)
pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not CROWD.is_dir(), reason=f"the real data are not at {CROWD}"),
    pytest.mark.skipif(
        "EVALPLUS_CROWD" not in os.environ and find_spec("crowdkit") is None, reason="crowd-kit is not installed"
    ),
]
SCRIPT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from crowdkit.aggregation import DawidSkene
frame = pd.DataFrame(json.load(sys.stdin))
took = []
for _ in range(3):
    start = time.perf_counter()
    model = DawidSkene(100, tol=1e-5).fit(frame)
    took.append(time.perf_counter() - start)
fixed = DawidSkene(10, tol=-1e9).fit(frame)
print(json.dumps({"seconds": sorted(took)[1], "iterations": len(model.loss_history_),
    "labels": model.labels_.sort_index().tolist(),
    "fixed": fixed.probas_.sort_index().sort_index(axis=1).values.tolist()}))
"""


@pytest.mark.parametrize("name", ["CF_amt.csv", "SP.csv"])
def test_dawid_skene_beside_crowd_kit(name: str) -> None:
    votes, gold = crowd(name)
    entries = {"task": votes.items.tolist(), "worker": votes.workers.tolist(), "label": votes.codes.tolist()}
    done = subprocess.run(
        [INTERPRETER, "-c", SCRIPT], input=json.dumps(entries), capture_output=True, text=True, check=True
    )
    theirs = json.loads(done.stdout)
    found = dawid_skene(votes)
    fixed = dawid_skene(votes, max_iterations=10, tolerance=-np.inf).posterior
    (seconds,) = medians([lambda: dawid_skene(votes)], 3)
    labels = found.posterior.argmax(axis=1)
    print(f"\n{name}: {seconds:.3f} s in {found.n_iterations} iterations, crowd-kit {theirs['seconds']:.3f} s in "
          f"{theirs['iterations']}; ratio {seconds / theirs['seconds']:.2f}; alike "
          f"{(labels == theirs['labels']).mean():.4f}; right {(labels == gold).mean():.4f}")  # fmt: skip
    np.testing.assert_allclose(fixed, theirs["fixed"], rtol=0, atol=1e-6)
    assert (labels == theirs["labels"]).mean() > 0.995
    assert seconds <= 1.5 * theirs["seconds"]
