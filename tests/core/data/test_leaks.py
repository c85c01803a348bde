from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

import mlflow_evalplus as ep
from mlflow_evalplus.core.data.leaks import learnt
from mlflow_evalplus.core.data.rows import read_rows
from mlflow_evalplus.results.data_checks import DataFinding
from tests.core.data.frames import clean
from tests.generated import inputs

CODES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), min_size=4, max_size=40)


@settings(max_examples=inputs(40), deadline=None)
@given(CODES, CODES, st.integers(1, 3))
@example([(0, "a"), (0, "b"), (1, "b")], [(0, "a")], 1)  # the last label, the most frequent one, is in training only
def test_a_column_is_right_where_the_most_frequent_label_of_its_value_is(
    train: list[tuple[int, str]], test: list[tuple[int, str]], least: int
) -> None:
    frames = [pd.DataFrame(part, columns=["x", "y"]) for part in (train, test)]
    rows = read_rows(*frames, text=None, label="y", cluster=None, ignore=())
    every = np.ones(len(train) + len(test), dtype=bool)
    codes = np.array([x for x, _ in train + test])
    found = learnt(rows, codes, every & rows.in_test, every, least=least)

    def most(values: pd.Series) -> str:
        return str(values.mode().min())

    teach = frames[0].assign(x=frames[0]["x"].map(lambda x: x if (frames[0]["x"] == x).sum() >= least else -1))
    told = teach.groupby("x")["y"].agg(most)
    plain = most(frames[0]["y"])
    keys = frames[1]["x"].map(lambda x: x if x in told.index else -1)
    answers = [told.get(key, plain) for key in keys]
    right, base = (np.array(given) == frames[1]["y"].to_numpy() for given in (answers, [plain] * len(test)))
    assert found.accuracy == pytest.approx(right.mean())
    assert found.majority == pytest.approx(base.mean())
    better, worse = int((right & ~base).sum()), int((base & ~right).sum())
    expected = stats.binomtest(better, better + worse, alternative="greater").pvalue if better + worse else 1.0
    assert found.p_value == pytest.approx(expected)


def planted(**columns: object) -> tuple[DataFinding, ...]:
    rng = np.random.default_rng(0)
    rows = clean(900, rng)
    rows = rows.assign(**{name: make(rows, rng) for name, make in columns.items()})  # type: ignore[operator]
    rows = rows.sample(frac=1, random_state=0)
    features = [column for column in rows.columns if column not in ("text", "label")]
    return ep.check_data(rows[:600], rows[600:], features=features).of("leaks")


def score(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    return rows["label"].map({"negative": -1.0, "neutral": 0.0, "positive": 1.0}) + rng.normal(0, 0.2, len(rows))


def noisy(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(rows)) < 0.75, rows["label"], rng.permutation(rows["label"]))


def id_range(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """Rows were numbered label after label, before they were mixed."""
    return [f"row-{place:06d}" for place in rows["label"].rank(method="first").astype(int)]


def id_letters(rows: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    return [f"{label[:3]}_{i}" for label, i in zip(rows["label"], rng.permutation(len(rows)), strict=True)]


@pytest.mark.parametrize(
    ("make", "level", "said"),
    [
        (
            lambda rows, rng: rows["label"].map({"negative": 7, "neutral": 8, "positive": 9}),
            "error",
            "is the label under",
        ),
        (lambda rows, rng: rows["label"].str.upper(), "error", "is the label under another name"),
        (score, "error", "alone is right 9"),
        (id_range, "error", "alone is right 9"),
        (id_letters, "error", "alone is right 100.0 times in 100"),
        (noisy, "warning", "alone is right 8"),
    ],
)
def test_a_leak_that_was_planted_is_found(make: object, level: str, said: str) -> None:
    (finding,) = planted(planted=make)
    assert (finding.column, finding.level.value) == ("planted", level)
    assert said in finding.sentence
    assert finding.q_value < 1e-6


def test_a_column_that_is_filled_for_one_label_only_is_found() -> None:
    """A date of the refund: every value is another one, and only complaints have any."""

    def refunded(rows: pd.DataFrame, rng: np.random.Generator) -> list[object]:
        return [f"case {i}" if label == "positive" else None for i, label in enumerate(rows["label"])]

    (finding,) = planted(refund=refunded)
    assert (finding.column, finding.level.value) == ("refund", "warning")
    assert "alone finds nearly every row of 'positive'" in finding.sentence


def test_ids_free_texts_and_columns_that_tell_a_little_are_no_leaks() -> None:
    def hint(rows: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
        return np.where(rng.random(len(rows)) < 0.4, rows["label"], rng.permutation(rows["label"]))

    (finding,) = planted(
        number=lambda rows, rng: rng.permutation(len(rows)),
        uid=lambda rows, rng: [f"{x:032x}" for x in rng.permutation(len(rows))],
        title=lambda rows, rng: rows["text"].str[:9],
        hint=hint,
        constant=lambda rows, rng: 1,
    )
    assert (finding.level.value, finding.column) == ("ok", "")
    assert "most does 'hint'" in finding.sentence


def test_only_what_the_model_sees_can_leak() -> None:
    rows = clean(400, np.random.default_rng(1)).assign(copy=lambda rows: rows["label"])
    train, test = rows[:300], rows[300:]
    assert [row.column for row in ep.check_data(train, test, features=["copy", "channel"]).of("leaks")] == ["copy"]
    assert ep.check_data(train, test, features=["channel"]).of("leaks")[0].level.value == "ok"
    assert ep.check_data(train, test, features=[]).of("leaks")[0].level.value == "not applicable"
    assert [row.level.value for row in ep.check_data(train, test, ignore=["copy"]).of("leaks")] == ["ok"]


def test_without_test_rows_each_half_is_held_against_the_other() -> None:
    rows = clean(400, np.random.default_rng(1)).assign(copy=lambda rows: rows["label"])
    (finding,) = ep.check_data(rows).of("leaks")
    assert (finding.column, finding.level.value) == ("copy", "warning")
    assert "from each half of the rows" in finding.sentence


@pytest.mark.parametrize(
    ("tested", "features", "level", "said"),
    [
        (True, ["copy"], "error", "the model sees it, and"),
        (True, None, "warning", "if the model sees it"),
        (False, ["copy"], "warning", "the model sees it, and"),
        (False, None, "warning", "if the model sees it"),
    ],
)
def test_a_leak_is_an_error_only_where_a_model_sees_it_and_there_are_test_rows(
    tested: bool, features: list[str] | None, level: str, said: str
) -> None:
    rows = clean(400, np.random.default_rng(1)).assign(copy=lambda rows: rows["label"])
    (finding,) = ep.check_data(rows[:300], rows[300:] if tested else None, features=features).of("leaks")
    assert finding.level.value == level
    assert said in finding.sentence
