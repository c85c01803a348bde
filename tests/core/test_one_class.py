"""Each class against the rest: the same figures as of all cells, in far fewer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import compare, evaluate
from mlflow_evalplus.core.counts import count
from mlflow_evalplus.core.intervals import Estimates, estimate, estimate_all
from mlflow_evalplus.core.metrics import of_classes
from mlflow_evalplus.core.one_class import one_against_rest
from mlflow_evalplus.core.predictions import read
from tests.generated import inputs

KINDS = ("plain", "weighted", "clustered", "both")


def rows(n: int, k: int, seed: int, missing: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = np.array([f"c{place:02d}" for place in range(k)])
    label = rng.choice(names, n, p=rng.dirichlet(np.ones(k)))
    frame = pd.DataFrame({"label": label, "slice": rng.choice(["x", "y", "z"], n), "text": [f"t{i}" for i in range(n)]})
    for answer in ("prediction", "other"):
        said = np.where(rng.random(n) < 0.7, label, rng.choice(names, n)).astype(object)
        said[rng.random(n) < 0.05 * missing] = None
        frame[answer] = said
    frame["customer"] = rng.integers(0, max(n // 3, 1), n).astype(str)
    frame["weight"] = rng.choice([0.25, 1.0, 3.0], n)
    return frame


def columns(kind: str) -> dict[str, str]:
    return {
        "plain": {}, "weighted": {"weight": "weight"}, "clustered": {"cluster": "customer"},
        "both": {"weight": "weight", "cluster": "customer"},
    }[kind]  # fmt: skip


@settings(max_examples=inputs(40), deadline=None)
@given(st.integers(5, 80), st.integers(2, 6), st.integers(0, 50), st.sampled_from(KINDS))
def test_counts_of_a_class_are_those_of_labels_that_were_merged_into_the_rest(
    n: int, k: int, seed: int, kind: str
) -> None:
    frame = rows(n, k, seed)
    predictions = read(frame, slices=["slice"], **columns(kind))
    counts = count(predictions)
    margin = counts.margins["slice",]
    shape = (len(counts.labels), len(counts.predictions))
    found = one_against_rest(margin, np.unravel_index(np.arange(shape[0] * shape[1]), shape), shape[0])
    weight = frame["weight"] if "weight" in columns(kind) else pd.Series(np.ones(n))
    place = 0
    for (value,) in margin.values:
        for label in counts.labels:
            here = frame[frame["slice"] == value]
            is_label, is_said = here["label"] == label, here["prediction"] == label
            cells = [is_label & is_said, is_label & ~is_said, ~is_label & is_said, ~is_label & ~is_said]
            assert found.rows[place].tolist() == [cell.sum() for cell in cells]
            assert found.weights[place] == pytest.approx([weight[here.index][cell].sum() for cell in cells])
            assert found.squares[place] == pytest.approx([(weight[here.index][cell] ** 2).sum() for cell in cells])
            if found.blocks is not None:
                assert found.n_clusters()[place] == here["customer"].nunique()
                mask = np.array([1.0, 1.0, 0.0, 0.0])
                assert found.n_clusters(mask)[place] == here["customer"][is_label].nunique()
            place += 1
    assert place == len(found.values)


@settings(max_examples=inputs(30), deadline=None)
@given(st.integers(5, 120), st.integers(2, 7), st.integers(0, 50), st.sampled_from(KINDS))
def test_every_figure_of_a_class_is_the_one_that_all_cells_give(n: int, k: int, seed: int, kind: str) -> None:
    counts = count(read(rows(n, k, seed), slices=["slice"], **columns(kind)))
    metrics = of_classes(counts.labels)
    for margin in counts.margins.values():
        at_once = estimate_all(metrics, counts, margin, 0.95)
        for name, metric in metrics.items():
            dense: Estimates = estimate(metric, counts, margin, 0.95)
            for one, other in zip(dense.each(), at_once, strict=True):
                expected, given_ = (
                    [float(getattr(e, key)) for key in ("value", "lower", "upper", "n", "small_support")]
                    for e in (one, other[name])
                )
                assert given_ == pytest.approx(expected, rel=0, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_of_a_class_is_that_of_two_labels_this_and_the_rest(kind: str) -> None:
    """With all other labels merged into one before anything is counted: the other classes' cells do not matter."""
    frame = rows(400, 9, 3, missing=False)
    more = {"slices": ["slice"], "text": "text", **columns(kind)}
    whole = compare(*(evaluate(frame, prediction=answer, **more) for answer in ("prediction", "other")))
    for label in sorted(set(frame["label"]))[:4]:
        merged = frame.copy()
        for column in ("label", "prediction", "other"):
            merged[column] = np.where(frame[column] == label, label, "rest")
        pair = compare(*(evaluate(merged, prediction=answer, **more) for answer in ("prediction", "other")))
        own = {row.name: row for row in pair.slices}
        for metric in (f"recall[{label}]", f"precision[{label}]", f"f1[{label}]"):
            everywhere = [(whole.metrics[metric], pair.metrics[metric])]
            everywhere += [(row.metrics[metric], own[row.name].metrics[metric]) for row in whole.slices]
            for one, other in everywhere:
                expected = [other.value, other.lower, other.upper, other.p_value, other.n, other.effect_size]
                assert [one.value, one.lower, one.upper, one.p_value, one.n, one.effect_size] == pytest.approx(
                    expected, rel=1e-9, abs=1e-12, nan_ok=True
                )
