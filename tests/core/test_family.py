from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.family import family, holm
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.results.choice import Family
from tests.generated import inputs

COSTS = {"error_costs": {"a": {"b": 3.0}, "b": {"a": 1.0}}}


@settings(max_examples=inputs(50))
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    with patch("gc.collect"):  # statsmodels calls it every time, which takes most of a second
        expected = multipletests(p_values, method="holm")[1]
    assert holm(np.array(p_values)) == pytest.approx(expected)


def test_holm_leaves_what_was_not_tested_out() -> None:
    found = holm(np.array([0.01, np.nan, 0.04, 0.03]))
    assert np.isnan(found[1])
    assert found[[0, 2, 3]].tolist() == pytest.approx([0.03, 0.06, 0.06])


def runs(seed: int = 0, n: int = 800, **options: Any) -> dict[str, Evaluation]:
    """Return models that err in 30, 30, 20 and 10 of 100 rows, the first two on other rows."""
    rng = np.random.default_rng(seed)
    label = rng.choice(["a", "b", "c"], n)
    wrong = np.where(label == "a", "b", "a")
    frame = pd.DataFrame({"label": label, "customer": rng.integers(0, 150, n), "w": rng.lognormal(0, 0.5, n)})
    for name, share in {"one": 0.3, "two": 0.3, "good": 0.2, "best": 0.1}.items():
        frame[name] = np.where(rng.random(n) < share, wrong, label)
    return {name: evaluate(frame, prediction=name, **options) for name in ("one", "two", "good", "best")}


def family_of(given: dict[str, Evaluation], metric: str = "accuracy") -> Family:
    base, *others = given
    return family(given, {name: compare_evaluations(given[name], given[base]) for name in others}, metric)


@pytest.mark.parametrize(
    ("metric", "options"),
    [("accuracy", {}), ("accuracy", {"cluster": "customer"}), ("error_cost", {"weight": "w"}), ("f1_macro", {}),
     ("f1_macro", {"cluster": "customer", "weight": "w"})],
)  # fmt: skip
def test_runs_are_beaten_as_the_comparisons_of_all_pairs_say(metric: str, options: dict[str, Any]) -> None:
    given = runs(seed=4, n=300, requirements=COSTS, **options)
    pairs = [(a, b) for i, a in enumerate(given) for b in list(given)[i + 1 :]]
    differences = [compare_evaluations(given[a], given[b]).metrics[metric] for a, b in pairs]
    adjusted = holm(np.array([difference.p_value for difference in differences]))
    expected: dict[str, set[str]] = {name: set() for name in given}
    for (a, b), difference, p_value in zip(pairs, differences, adjusted, strict=True):
        if p_value < 0.05:
            better = (difference.value > 0) != (metric == "error_cost")
            expected[b if better else a].add(a if better else b)
    found = family_of(given, metric)
    assert {name: set(better) for name, better in found.beaten_by.items()} == expected
    assert any(expected.values())
    assert found.unbeaten == tuple(name for name, better in expected.items() if not better)
    assert found.n_pairs == 6
    against = [compare_evaluations(given[name], given["one"]).metrics[metric].p_value for name in list(given)[1:]]
    assert list(found.p_holm.values()) == pytest.approx(holm(np.array(against)).tolist())


def test_runs_that_are_alike_are_all_unbeaten() -> None:
    given = runs()
    same = dict.fromkeys(("x", "y", "z"), given["good"])
    found = family_of(same)
    assert found.unbeaten == ("x", "y", "z")
    assert found.p_holm == {"y": 1.0, "z": 1.0}
    assert found.sentence == "Not beaten in accuracy by any other (95%, Holm over 3 pairs): x, y, z."


@pytest.mark.slow
def test_the_family_wise_error_is_kept_over_many_runs() -> None:
    """Six models that are alike but err on other rows: one is called better in at most 5 of 100 tries, and a bit."""
    wrong = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"label": ["a"] * 400})
        for name in "uvwxyz":
            frame[name] = np.where(rng.random(400) < 0.2, "b", "a")
        found = family_of({name: evaluate(frame, prediction=name) for name in "uvwxyz"})
        wrong += len(found.unbeaten) < 6
    assert wrong <= 4  # binomial: 25 tries at 0.05 exceed 4 less than 1 in 100


def test_other_test_sets_are_refused() -> None:
    given = runs()
    frame = pd.DataFrame({"label": ["a"] * 30, "prediction": ["a"] * 30})
    with pytest.raises(ComparisonError, match="different test sets"):
        family({"one": given["one"], "other": evaluate(frame)}, {}, "accuracy")
