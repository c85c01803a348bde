"""Whether a model for each scenario beats one for all: in words, from paired differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus import compare, evaluate
from mlflow_evalplus.results import Evaluation
from recipes.classifiers.candidate import parse
from recipes.classifiers.scenarios import against_one_for_all

N = 900


def evaluated(accuracy: dict[str, float], seed: int) -> Evaluation:
    """Return an evaluation whose accuracy is about so high in each business line."""
    line = np.array(["cards", "loans", "digital"])[np.arange(N) % 3]
    label = np.where(np.arange(N) % 2, "yes", "no")
    right = np.random.default_rng(seed).random(N) < np.array([accuracy[value] for value in line])
    prediction = np.where(right, label, np.where(label == "yes", "no", "yes"))
    frame = pd.DataFrame({"text": [f"t{i}" for i in range(N)], "label": label, "line": line, "prediction": prediction})
    return evaluate(frame, slices=["line"], text="text")


@pytest.fixture(scope="module")
def whole() -> Evaluation:
    return evaluated(dict.fromkeys(("cards", "loans", "digital"), 0.8), 0)


def test_it_says_over_all_and_in_which_scenarios(whole: Evaluation) -> None:
    own = evaluated({"cards": 0.98, "loans": 0.5, "digital": 0.8}, 10)
    candidates = [parse("words"), parse("scenario:line")]
    (told,) = against_one_for_all(candidates, {"words": whole, "scenario:line": own}).values()
    compared = compare(own, whole)
    value = 100 * compared.metrics["accuracy"].value
    assert f"accuracy {value:+.1f} points" in told
    assert "one model for all (words)" in told
    before, _, after = told.partition("and worse in ")
    assert "better in cards (+" in before
    assert after.startswith("loans (-")
    assert "digital" not in told


def test_what_chance_explains_is_called_so(whole: Evaluation) -> None:
    own = evaluated(dict.fromkeys(("cards", "loans", "digital"), 0.8), 20)
    (told,) = against_one_for_all(
        [parse("words"), parse("words+by:line")], {"words": whole, "words+by:line": own}
    ).values()
    assert "is not told apart from one model for all" in told
    assert "better in none and worse in none; differences of single values are within chance" in told


def test_a_missing_rival_is_named_as_it_would_be_written(whole: Evaluation) -> None:
    candidates = [parse("words"), parse("words_chars+rules+by:line")]
    (told,) = against_one_for_all(candidates, dict.fromkeys(["words", "words_chars+rules+by:line"], whole)).values()
    assert "add the candidate 'words_chars+rules'" in told
    assert against_one_for_all([parse("words")], {"words": whole}) == {}


def test_other_test_rows_are_told_and_not_compared(whole: Evaluation) -> None:
    other = evaluate(pd.DataFrame({"text": ["u"], "label": ["yes"], "prediction": ["no"], "line": ["cards"]}),
                     slices=["line"], text="text")  # fmt: skip
    (told,) = against_one_for_all(
        [parse("words"), parse("scenario:line")], {"words": whole, "scenario:line": other}
    ).values()
    assert "not compared with words" in told
