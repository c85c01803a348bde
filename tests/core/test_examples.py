"""The examples of a confusion cell, held against a loop over the rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.examples import confidences, examples_of_cells, read_examples
from mlflow_evalplus.core.predictions import Predictions, read
from tests.generated import inputs

LABELS = ["a", "b", "c"]


def rows_of(label: list[str], prediction: list[str], scored: tuple[str, ...], seed: int) -> Predictions:
    """Return rows with scores of a few different values, so that many are tied."""
    rng = np.random.default_rng(seed)
    scores = {name: rng.choice([0.0, 0.25, 0.5, 1.0], len(label)) for name in scored}
    frame = pd.DataFrame({"label": label, "prediction": prediction} | {f"p_{name}": v for name, v in scores.items()})
    return read(frame, labels=LABELS, scores={name: f"p_{name}" for name in scored})


def by_hand(predictions: Predictions, limit: int) -> dict[tuple[int, int], tuple[int, tuple[int, ...]]]:
    """Return cell → number of rows and the worst of them, by sorting every cell's rows in Python."""
    cells: dict[tuple[int, int], list[tuple[float, int]]] = {}
    places = zip(predictions.label_codes("label").tolist(), predictions.label_codes("prediction").tolist(), strict=True)
    for row, (i, j) in enumerate(places):
        column = f"score.{LABELS[j]}" if j < len(LABELS) else ""
        score = predictions.table[column][row].as_py() if column in predictions.table.column_names else math.nan
        badness = math.inf if math.isnan(score) else score if i == j else -score
        cells.setdefault((i, j), []).append((badness, row))
    return {cell: (len(rows), tuple(row for _, row in sorted(rows)[:limit])) for cell, rows in cells.items()}


@settings(deadline=None, max_examples=inputs(100))
@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, "unknown"])), min_size=1, max_size=60),
    st.sampled_from([(), ("b",), ("a", "b", "c")]),
    st.integers(1, 5),
    st.integers(0, 1000),
)
def test_the_worst_rows_of_every_cell_are_those_that_a_loop_finds(
    pairs: list[tuple[str, str]], scored: tuple[str, ...], limit: int, seed: int
) -> None:
    label, prediction = map(list, zip(*pairs, strict=True))
    predictions = rows_of(label, prediction, scored, seed)
    found = examples_of_cells(predictions, limit)
    assert {cell: (one.n, one.rows) for cell, one in found.items()} == by_hand(predictions, limit)


def test_the_confidence_of_a_prediction_is_the_score_of_its_label() -> None:
    frame = pd.DataFrame({"label": list("aab"), "prediction": ["b", "a", "none"], "p": [0.7, 0.2, 0.9]})
    predictions = read(frame, labels=["a", "b"], scores={"b": "p"})
    sure = confidences(predictions, predictions.label_codes("prediction"))
    np.testing.assert_array_equal(sure, [0.7, np.nan, np.nan])
    unscored = read(frame, labels=["a", "b"])
    np.testing.assert_array_equal(confidences(unscored, unscored.label_codes("prediction")), [np.nan] * 3)


def test_an_example_is_read_with_its_text_scores_and_slices() -> None:
    frame = pd.DataFrame(
        {"id": ["x", "y"], "label": list("ab"), "prediction": list("bb"), "text": ["one", None], "p": [0.25, 0.5],
         "q": [0.75, 0.5], "channel": ["app", None]}
    )  # fmt: skip
    predictions = read(
        frame, scores={"a": "p", "b": "q"}, text="text", slices=["channel"], example_id="id", labels=["a", "b"]
    )
    found = read_examples(predictions, [1, 0])
    assert list(found) == [1, 0]
    assert (found[0].example_id, found[0].text, found[0].slices) == ("x", "one", {"channel": "app"})
    assert list(found[0].scores.items()) == [("b", 0.75), ("a", 0.25)]
    assert (found[1].text, found[1].scores, found[1].slices) == ("", {"a": 0.5, "b": 0.5}, {"channel": "(missing)"})


def test_ids_are_those_of_the_logged_rows_where_none_were_given() -> None:
    predictions = read(
        pd.DataFrame({"label": list("aa"), "prediction": list("ba"), "text": ["same", "same"]}), text="text"
    )
    ids = predictions.with_ids().table["example_id"].to_pylist()
    assert [read_examples(predictions, [row])[row].example_id for row in (0, 1)] == ids
