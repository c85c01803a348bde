from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.requirements import Prices
from recipes.classifiers.learning_curve import Predict, measure

KEY = {"text": "text", "label": "label"}


class Memory:
    """Stands for a candidate: knows the texts that it saw, says 'no' to others; remembers what it was fitted on."""

    def __init__(self) -> None:
        self.seen: list[pd.DataFrame] = []

    def __call__(self, rows: pd.DataFrame) -> Predict:
        self.seen.append(rows)
        known = dict(zip(rows["text"], rows["label"], strict=True))

        def predict(frame: pd.DataFrame) -> Sequence[str]:
            assert "label" not in frame
            return [known.get(text, "no") for text in frame["text"]]

        return predict


def rows(n: int, rare: int = 0) -> pd.DataFrame:
    label = np.where(np.arange(n) < rare, "rare", np.where(np.arange(n) % 3 == 0, "yes", "no"))
    return pd.DataFrame(
        {"text": [f"text {i}" for i in range(n)], "label": label, "who": [f"c{i % 20}" for i in range(n)]}
    )


def test_a_candidate_is_fitted_on_nested_subsets_that_keep_the_shares_of_the_labels() -> None:
    fit, steps = Memory(), []
    curve = measure(fit, rows(480), rows(480), **KEY, prices=Prices(label=0.5), on_step=steps.append)
    sizes = [60, 91, 138, 209, 317, 480]
    assert [(point.n_train, point.n_fits) for point in curve.points] == [*((n, 3) for n in sizes[:-1]), (480, 1)]
    by_repeat = [fit.seen[5 * number : 5 * number + 5] for number in range(3)]
    for repeat in by_repeat:
        texts = [set(seen["text"]) for seen in repeat]
        assert all(small < large for small, large in pairwise(texts))
        for seen in repeat:
            assert abs((seen["label"] == "yes").sum() - len(seen) / 3) <= 1
    assert set(by_repeat[0][0]["text"]) != set(by_repeat[1][0]["text"])
    assert steps[0] == "learning curve: 60 of 480 rows, 1 of 3"
    assert steps[-1] == "learning curve: all rows"
    assert len(steps) == len(fit.seen) == 16
    assert curve.points[-1].accuracy.value == 1
    assert curve.more[0].price == 500


def test_the_accuracy_of_a_size_is_that_of_its_models() -> None:
    fit = Memory()
    test = rows(480)
    curve = measure(fit, rows(480), test, **KEY)
    known = [dict(zip(seen["text"], seen["label"], strict=True)) for seen in fit.seen[0:15:5]]
    right = [one.get(t, "no") == y for one in known for t, y in zip(test["text"], test["label"], strict=True)]
    assert curve.points[0].accuracy.value == pytest.approx(np.mean(right))


def test_the_same_seed_draws_the_same_subsets() -> None:
    fits = [Memory(), Memory(), Memory()]
    curves = [measure(fit, rows(200), rows(100), **KEY, seed=seed) for fit, seed in zip(fits, (1, 1, 2), strict=True)]
    assert repr(curves[0]) == repr(curves[1])
    assert repr(curves[0]) != repr(curves[2])


def test_subsets_that_would_lack_a_label_are_left_out_in_words() -> None:
    fit = Memory()
    curve = measure(fit, rows(400, rare=2), rows(100), **KEY)
    assert all(Counter(seen["label"])["rare"] for seen in fit.seen)
    assert curve.points[0].n_train > 50
    assert "Subsets of 50 training rows were left out: they would lack the labels ['rare']." in curve.notes


def test_few_rows_are_not_carried_on() -> None:
    curve = measure(Memory(), rows(22), rows(50), **KEY)
    assert len(curve.points) == 3
    assert "the law takes 4 sizes" in curve.sentence


def test_rows_of_one_cluster_widen_the_intervals() -> None:
    alone, grouped = (measure(Memory(), rows(200), rows(300), **KEY, cluster=name) for name in (None, "who"))
    assert alone.points[0].accuracy.value == grouped.points[0].accuracy.value
    assert alone.points[0].accuracy != grouped.points[0].accuracy


def test_what_cannot_be_measured_is_refused_before_anything_is_fitted() -> None:
    fit = Memory()
    with pytest.raises(ColumnNotFound, match="Did you mean 'text'"):
        measure(fit, rows(50), rows(50), text="texts", label="label")
    with pytest.raises(DataError, match="0 test rows"):
        measure(fit, rows(50), rows(0), **KEY)
    with pytest.raises(DataError, match="no value in the cluster column"):
        measure(fit, rows(50), rows(50).assign(who=None), **KEY, cluster="who")
    assert fit.seen == []


def test_a_model_that_answers_other_rows_is_refused() -> None:
    with pytest.raises(DataError, match="gave 1 predictions for 50 rows"):
        measure(lambda rows: lambda frame: ["yes"], rows(50), rows(50), **KEY)
