from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.changes import MAX_ROWS, changes
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results import Evaluation
from tests.generated import inputs

LABELS = ("no", "perhaps", "yes")


def evaluated(frame: pd.DataFrame, prediction: str, scored: bool = True) -> Evaluation:
    scores = {label: f"{prediction}.{label}" for label in LABELS} if scored else None
    return evaluate(
        frame, prediction=prediction, scores=scores, slices=["channel"], example_id="id",
        requirements={"task": {"labels": list(LABELS)}},
    )  # fmt: skip


def rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "id": [f"m{i}" for i in range(n)], "text": [f"text {i}" for i in range(n)], "label": rng.choice(LABELS, n),
        "channel": rng.choice(["app", "web"], n),
    })  # fmt: skip
    for run in ("new", "old"):
        frame[run] = rng.choice([*LABELS, "nonsense"], n)
        weights = rng.dirichlet(np.ones(3), n)
        for place, label in enumerate(LABELS):
            frame[f"{run}.{label}"] = weights[:, place]
    return frame


@settings(max_examples=inputs(20), deadline=None)
@given(st.integers(1, 120), st.integers(0, 1000), st.integers(0, 8))
def test_fixed_and_broken_are_those_of_a_loop_over_the_rows(n: int, seed: int, limit: int) -> None:
    frame = rows(n, seed)
    found = changes(evaluated(frame, "new"), evaluated(frame.sample(frac=1, random_state=1), "old"), limit=limit)
    for right, wrong, count, listed in (
        ("new", "old", found.fixed, found.fixed_rows), ("old", "new", found.broken, found.broken_rows),
    ):  # fmt: skip
        expected = [r for r in frame.to_dict("records") if r[right] == r["label"] != r[wrong]]
        expected.sort(key=lambda r: -r.get(f"new.{r['new']}", -1))
        assert count == len(expected)
        assert [row.example_id for row in listed] == [r["id"] for r in expected[:limit]]
        for row, given_row in zip(listed, expected, strict=False):
            assert (row.text, row.label, row.slices) == (
                given_row["text"], given_row["label"], {"channel": given_row["channel"]},
            )  # fmt: skip
            said = [given_row[run] if given_row[run] in LABELS else "(other)" for run in ("new", "old")]
            assert [row.answer, row.baseline_answer] == said
            assert row.confidence == pytest.approx(given_row.get(f"new.{given_row['new']}", math.nan), nan_ok=True)


def test_at_most_twenty_rows_are_listed_and_all_are_counted() -> None:
    frame = rows(400, 1).assign(new=lambda f: f["label"])
    found = changes(evaluated(frame, "new"), evaluated(frame, "old"))
    assert found.fixed == int((frame["old"] != frame["label"]).sum()) > 100
    assert len(found.fixed_rows) == MAX_ROWS == 20
    assert (found.broken, found.broken_rows) == (0, ())


def test_without_scores_and_texts_rows_keep_their_order() -> None:
    frame = rows(60, 2).drop(columns="text")
    found = changes(evaluated(frame, "new", scored=False), evaluated(frame, "old", scored=False))
    assert all(math.isnan(row.confidence) and row.text is None for row in found.fixed_rows)
    places = [int(row.example_id[1:]) for row in found.fixed_rows]
    assert len(places) > 5
    assert places == sorted(places)


def test_different_test_sets_are_refused() -> None:
    frame = rows(60, 3)
    with pytest.raises(ComparisonError, match="different test sets"):
        changes(evaluated(frame, "new"), evaluated(frame.head(40), "old"))
