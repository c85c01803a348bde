"""The page of the labels: the answer first, short tables, and no way out of a cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.labels import label_quality, label_quality_of
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.labels import disputed, page, sentences
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.labels import LabelQuality
from tests.render.test_markdown import HOSTILE, tables

RUN = Estimate(0.8, 0.78, 0.82, 2000)


def quality(rate: float, labels: list[str], n: int = 2000, **columns: object) -> LabelQuality:
    rng = np.random.default_rng(0)
    truth, k = rng.integers(0, len(labels), n), len(labels)
    noisy = [np.where(rng.random(n) < rate, (truth + rng.integers(1, k, n)) % k, truth) for _ in range(3)]
    frame = pd.DataFrame(
        {name: np.array(labels, dtype=object)[codes] for name, codes in zip("yab", noisy, strict=True)}
    )
    return label_quality(frame.assign(**columns), ["a", "b"], label="y", slices=list(columns))


@pytest.mark.parametrize(
    ("launch", "reachable", "said"),
    [(0.95, False, "is out of reach"), (0.89, None, "may be out of reach"), (0.85, True, "is in reach")],
)
def test_the_first_sentences_answer(launch: float, reachable: bool | None, said: str) -> None:
    found = quality(0.1, ["n", "o", "p"])
    assert found.reachable(launch) is reachable
    text = " ".join(sentences(found, RUN, launch).values())
    assert text.startswith("Annotators agree on 8")
    assert found.ceiling is not None
    assert f"stands at 0.800 [0.780, 0.820], {100 * (found.ceiling.value - 0.8):.1f} points below it" in text
    assert f"threshold of {launch:g} {said}" in text
    assert "launch" not in sentences(found, RUN)
    assert "**A perfect model would score 0." in page(found, RUN, launch)


def test_tables_have_two_columns_at_most_20_rows_and_no_markup_of_the_data() -> None:
    hostile = [text for text in HOSTILE if text]
    found = quality(0.3, hostile, **{"col|<i>umn": np.resize(np.array(hostile, dtype=object), 2000)})
    text = page(found, RUN, 0.9)
    assert "<" not in text
    shown = tables(text)
    assert len(shown) == 6
    for rows in shown:
        assert len(rows) <= 21
        assert all(len(row) == 2 for row in rows)


def test_scores_are_named_an_estimate_and_no_ceiling_is_said() -> None:
    surely = np.linspace(0.9, 0.99, 400)
    p = np.where(np.arange(400) % 2, surely, 1 - surely)
    label = np.where(np.arange(400) % 20 == 0, "p", np.where(np.arange(400) % 2, "p", "n"))
    frame = pd.DataFrame({"label": label, "n": 1 - p, "p": p})
    found = label_quality_of(read(frame, prediction="label", scores={"n": "n", "p": "p"}))
    assert found is not None
    assert found.ceiling is not None
    at_least = f"These labels allow an accuracy of at least {interval(found.ceiling)}, as far as the model's own "
    assert at_least + "probabilities tell: an estimate." in sentences(found)["ceiling"]
    assert "accuracy ceiling, at least" in page(found)
    assert found.ceiling.upper < 0.995
    assert [found.reachable(accuracy) for accuracy in (0.5, found.ceiling.value, 0.999)] == [True, None, None]
    assert sentences(found, Estimate(0.99, 0.98, 1.0, 400))["run"] == "The run stands at 0.990 [0.980, 1.000]."
    behind = 100 * (found.ceiling.value - 0.8)
    assert sentences(found, RUN)["run"].endswith(f", at least {behind:.1f} points below it.")
    assert "may be out of reach" in sentences(found, RUN, 0.999)["launch"]
    assert "consensus" not in page(found)
    unsure = label_quality_of(read(frame.assign(n=0.6, p=0.4), prediction="label", scores={"n": "n", "p": "p"}))
    assert unsure is not None
    assert "cannot be told by this model: it is nowhere sure enough" in page(unsure)
    opposed = label_quality(pd.DataFrame({"a": ["n", "p"], "b": ["p", "n"]}), ["a", "b"])
    assert "cannot be told" in sentences(opposed, RUN, 0.9)["ceiling"]
    assert opposed.reachable(0.5) is None


def test_a_column_that_holds_no_labels_is_named_first() -> None:
    frame = pd.DataFrame({"y": ["n", "p"] * 50, "a": ["n", "p"] * 50, "id": [f"<i>{n}" for n in range(100)]})
    found = label_quality(frame, ["a", "id"], label="y")
    said = sentences(found)
    assert next(iter(said)) == "warning"
    assert said["warning"].startswith("The labels of 'id' are in no other column: ['<i>0', ")
    assert "<" not in page(found)
    assert all(len(rows) <= 6 for rows in tables(page(found)))


def test_the_disputed_rows_are_listed_with_what_the_others_hold() -> None:
    votes = pd.DataFrame({"a": ["n", "n", "p", "n"], "b": ["n", "n", "p", "p"], "y": ["p", "n", "p", "n"]})
    found = label_quality(votes, ["a", "b"], label="y")
    assert disputed(found) == "To adjudicate, the most disputed first (suggested label): 0 (n), 3."
    assert disputed(found, 1).endswith(": 0 (n), and 1 more.")
