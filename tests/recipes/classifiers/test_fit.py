"""A candidate and its rows → a fitted folder: what is held out, who answers, how sure, and what rules change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from mlflow_evalplus.errors import DataError
from recipes.classifiers import serving
from recipes.classifiers.candidate import parse
from recipes.classifiers.fit import MIN_VALUE_ROWS, Rows, hold_out, predictor
from tests.generated import inputs
from tests.recipes.classifiers.conftest import fitted


@settings(max_examples=inputs(30), deadline=None)
@given(st.integers(70, 400), st.integers(2, 60), st.integers(0, 3))
def test_a_held_out_part_shares_no_customer_and_no_row_is_lost(n: int, n_customers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"text": [f"t{i}" for i in range(n)], "label": rng.choice(["a", "b"], n),
                          "customer": rng.integers(0, n_customers, n)})  # fmt: skip
    learnt, held = hold_out(Rows(frame, "text", "label", "customer"), seed)
    if held is None:
        assert len(learnt) == n
        return
    assert sorted([*learnt.texts, *held.texts]) == sorted(frame["text"])
    assert not set(learnt.frame["customer"]) & set(held.frame["customer"])
    assert set(learnt.labels) == set(frame["label"])


def test_a_held_out_part_is_a_seventh_with_labels_alike_and_no_text_on_both_sides(messages: pd.DataFrame) -> None:
    twice = pd.concat([messages, messages.assign(text=messages["text"].str.upper())], ignore_index=True)
    learnt, held = hold_out(Rows(twice, "text", "label"), 0)
    assert held is not None
    assert len(held) / len(twice) == pytest.approx(1 / 7, abs=0.02)
    assert not {text.casefold() for text in learnt.texts} & {text.casefold() for text in held.texts}
    shares = [pd.Series(part.labels).value_counts(normalize=True).sort_index() for part in (learnt, held)]
    assert shares[0].to_numpy() == pytest.approx(shares[1].to_numpy(), abs=0.02)


def test_a_text_that_many_customers_write_is_on_one_side_and_rows_without_customer_are_not_one() -> None:
    rng = np.random.default_rng(0)
    n = 600
    frame = pd.DataFrame({"text": [f"t{i}" for i in rng.integers(0, 500, n)], "label": rng.choice(["a", "b"], n),
                          "customer": [None if i % 2 else f"c{rng.integers(0, 250)}" for i in range(n)]})  # fmt: skip
    learnt, held = hold_out(Rows(frame, "text", "label", "customer"), 0)
    assert held is not None
    assert 0.05 <= len(held) / n <= 0.3
    assert not set(learnt.texts) & set(held.texts)
    assert not set(learnt.frame["customer"].dropna()) & set(held.frame["customer"].dropna())


def test_where_one_customer_has_most_rows_nothing_is_held_out_or_a_fair_part() -> None:
    n = 300
    frame = pd.DataFrame({"text": [f"t{i}" for i in range(n)], "label": ["a", "b"] * (n // 2),
                          "customer": ["big" if i < 270 else f"c{i}" for i in range(n)]})  # fmt: skip
    learnt, held = hold_out(Rows(frame, "text", "label", "customer"), 0)
    assert held is None or 0.05 <= len(held) / n <= 0.3
    assert len(learnt) >= 0.7 * n


def test_a_value_whose_texts_hold_no_word_is_answered_by_the_model_of_all_rows(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": ["good one", "bad one"] * 60 + ["…", "—"] * 40, "label": ["up", "down"] * 100,
                         "line": ["words"] * 120 + ["signs"] * 80})  # fmt: skip
    fitted("words+by:line", rows, tmp_path / "model")
    assert set(serving.load(tmp_path / "model").models) == {"words"}


def test_nothing_is_held_out_of_few_rows(messages: pd.DataFrame) -> None:
    assert hold_out(Rows(messages.head(69), "text", "label"), 0)[1] is None


@pytest.mark.slow
def test_every_value_with_enough_rows_answers_by_its_own_model_and_all_others_by_that_of_all_rows(
    messages: pd.DataFrame, tmp_path: Path
) -> None:
    lines = messages["business_line"].where(messages["business_line"] != "cards", None)
    rows = messages.assign(business_line=lines)
    known = fitted("words+by:business_line", rows, tmp_path / "by")
    fitted("words", rows, tmp_path / "all")
    model, whole = serving.load(tmp_path / "by"), serving.load(tmp_path / "all")
    counts = rows["business_line"].value_counts()
    assert set(model.models) == {line for line in counts.index if counts[line] >= MIN_VALUE_ROWS}
    assert str(next(iter(model.models))) in str(known["own_models"])
    texts = rows["text"].head(40).tolist()
    for value in (None, "never seen", float("nan")):
        assert np.array_equal(model.scores(texts, [value] * 40), whole.scores(texts))
    assert np.array_equal(model.scores(texts), whole.scores(texts))
    line = next(iter(model.models))
    fitted("words", rows[rows["business_line"] == line], tmp_path / "one")
    assert np.array_equal(model.scores(texts, [line] * 40), serving.load(tmp_path / "one").scores(texts))
    values = rows["business_line"].head(40).tolist()
    mixed = model.scores(texts, values)
    for place, value in enumerate(values):
        alone = model.scores([texts[place]], [value])[0]
        assert mixed[place] == pytest.approx(alone, abs=1e-12)


def test_a_temperature_is_the_one_that_makes_the_held_out_labels_most_likely(
    messages: pd.DataFrame, tmp_path: Path
) -> None:
    known = fitted("words+temperature", messages, tmp_path / "model")
    _, held = hold_out(Rows(messages, "text", "label"), 0)
    assert held is not None
    scores = serving.load(tmp_path / "model").scores(held.texts)
    own = [sorted(set(messages["label"])).index(label) for label in held.labels]

    def loss(temperature: float) -> float:
        logits = np.log(scores) / temperature
        return float((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(own)), own]).mean())

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-8}).x
    assert known["temperature"] == pytest.approx(best, rel=1e-4)
    assert known["n_train"] == len(messages) - len(held)
    assert known["n_held_out"] == len(held)


def test_a_temperature_changes_how_sure_a_model_is_and_never_what_it_says(
    messages: pd.DataFrame, tmp_path: Path
) -> None:
    fitted("words+temperature", messages, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = messages[["text"]].head(100)
    answers, sureness = [], []
    for temperature in (0.5, 1, 2):
        path.write_text(json.dumps({**content, "temperature": temperature}), encoding="utf-8")
        model = serving.TextClassifier()
        model.load_folder(tmp_path / "model")
        found = model.predict(None, rows)
        answers.append(found["prediction"].tolist())
        sureness.append(found.filter(like="score.").max(axis=1).mean())
    assert answers[0] == answers[1] == answers[2]
    assert sureness[0] > sureness[1] > sureness[2]


def test_a_temperature_of_few_rows_is_refused(messages: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leave '\\+temperature' out"):
        fitted("words+temperature", messages.head(60), tmp_path / "model")


@pytest.mark.slow
def test_what_answers_without_mlflow_answers_as_the_model_does(messages: pd.DataFrame, tmp_path: Path) -> None:
    fitted("words+by:language+rules", messages, tmp_path / "model")
    answer = predictor(parse("words+by:language+rules"), tmp_path / "model", "text")
    model = serving.load(tmp_path / "model")
    rows = messages[["language", "text"]].tail(50)
    plain = model.scores(rows["text"].tolist(), rows["language"].tolist())
    without = [model.labels[place] for place in plain.argmax(axis=1)]
    touched = rows["text"].str.contains("complain|投诉|thank", case=False)
    given = answer(rows)
    assert [a for a, hit in zip(given, touched, strict=True) if not hit] == [
        a for a, hit in zip(without, touched, strict=True) if not hit
    ]
