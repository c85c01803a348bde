"""The figures that docs/attribution.md gives of labels, and Dawid and Skene beside crowd-kit.

The same labels as crowd-kit, on the crowd's own votes, in at most 1.5 × the time:
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
import pandas as pd
import pytest

from mlflow_evalplus.core.agreement import Votes, agreement
from mlflow_evalplus.core.attribution.label_errors import score_matrix
from mlflow_evalplus.core.ceiling import ceiling
from mlflow_evalplus.core.confident_learning import flagged
from mlflow_evalplus.core.consensus import dawid_skene, majority
from mlflow_evalplus.core.labels import label_quality_of
from mlflow_evalplus.core.predictions import read
from recipes.classifiers.linear import PIPELINES
from recipes.data.split import split
from tests.benchmarks.timing import medians
from tests.conftest import REAL_DATA
from tests.core.test_ceiling import flipped
from tests.core.test_consensus import crowd

INTERPRETER = os.environ.get("EVALPLUS_CROWD", executable)
DYNASENT = REAL_DATA / "dynasent"
pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"the real data are not at {REAL_DATA}"),
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


def test_published_kappas_and_majorities() -> None:
    examples, votes = (pd.read_csv(DYNASENT / name) for name in ("examples.csv", "votes.csv"))
    print()
    for (number, part), rows in votes.merge(examples[["id", "round", "split"]], on="id").groupby(["round", "split"]):
        items, workers, codes = (pd.factorize(rows[name])[0] for name in ("id", "annotator", "label"))
        entries = Votes(items, workers, codes, items.max() + 1, workers.max() + 1, 4)
        kappa = agreement(entries.counts)["fleiss_kappa"]
        print(f"DynaSent round {number} {part}: Fleiss' kappa {kappa}")
        assert 0.6 < kappa.value < 0.7
    for name in ("CF_amt.csv", "SP.csv"):
        entries, gold = crowd(name)
        right = float((majority(entries).leading == gold).mean())
        print(f"{name}: majority vote right in {right:.3f}")
        assert 0.85 < right < 0.89


def test_the_ceiling_of_labels_of_which_5_percent_are_flipped() -> None:
    rates, found = ((0.03, 0.03), (0.05, 0.1), (0.1, 0.1)), []
    for k in (2, 3, 5):
        for pair in rates:
            for seed in range(40):
                rng = np.random.default_rng(1000 * k + seed)
                truth = rng.choice(k, 5000, p=np.arange(k, 0, -1) / np.arange(k + 1).sum())
                annotators = np.column_stack([flipped(truth, rate, k, rng) for rate in pair])
                best, _ = ceiling(annotators, flipped(truth, 0.05, k, rng), k, ("a", "b"))
                assert best is not None
                found.append(best.value)
    values = np.array(found)
    print(f"\nceiling at 5 % flips, {len(values)} simulations: mean {values.mean():.4f}, least {values.min():.4f}, "
          f"greatest {values.max():.4f}")  # fmt: skip
    assert len(values) == 360
    assert abs(values - 0.95).max() < 0.015
    assert abs(values.mean() - 0.95) < 0.001


def test_what_a_word_model_says_of_the_labels_of_dynasent() -> None:
    examples, votes = (pd.read_csv(DYNASENT / name) for name in ("examples.csv", "votes.csv"))
    parts = split(examples.drop(columns="split"), text="text", label="label", seed=0)
    model = PIPELINES["words"](0).fit(parts.train["text"], parts.train["label"])
    labels = list(model.classes_)
    test = parts.test.assign(**dict(zip(labels, model.predict_proba(parts.test["text"]).T, strict=True)))
    test["prediction"] = test[labels].idxmax(axis=1)
    rows = read(test, scores={label: label for label in labels}, example_id="id")
    quality, scores = label_quality_of(rows), score_matrix(rows)
    assert quality is not None
    assert scores is not None
    both = votes.merge(examples[["id", "label"]], on="id", suffixes=("_voted", ""))
    alike = float((both["label_voted"] == both["label"]).mean())
    told = float(flagged(rows.label_codes("label"), scores).mean())
    right = float((test["prediction"] == test["label"]).mean())
    print(f"\nDynaSent, {len(test):,} of {len(examples):,} rows: accuracy {right:.3f}, cleanlab flags {told:.3f}, "
          f"suspects {quality.n_adjudicate}, ceiling at least {quality.ceiling}; single votes equal the label in "
          f"{alike:.3f}")  # fmt: skip
    assert quality.ceiling is not None
    assert 0.8 < quality.ceiling.lower < alike < quality.ceiling.upper
    assert quality.n_adjudicate < 0.6 * told * len(test)


@pytest.mark.skipif(
    "EVALPLUS_CROWD" not in os.environ and find_spec("crowdkit") is None, reason="crowd-kit is not installed"
)
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
