from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

import mlflow_evalplus as ep
from mlflow_evalplus.core.data import drift
from mlflow_evalplus.results.data_checks import DataFinding
from tests.core.data.frames import clean
from tests.generated import inputs

ALL = np.ones


@settings(max_examples=inputs(30), deadline=None)
@given(st.lists(st.tuples(st.integers(10, 90), st.integers(10, 90)), min_size=2, max_size=6))
def test_shares_are_compared_as_scipy_does(table: list[tuple[int, int]]) -> None:
    train, test = (np.repeat(np.arange(len(table)), counts) for counts in np.array(table).T)
    codes = np.concatenate([train, test])
    counts = np.array(table).T
    assume(stats.contingency.expected_freq(counts).min() >= 5)
    found = drift.of_values(codes, [str(i) for i in range(len(table))], len(train), ALL(len(codes), dtype=bool))
    assert found is not None
    assert found.p_value == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue)
    # two parts of equal size, made so by whole multiples
    equal = np.stack([counts[0] * counts[1].sum(), counts[1] * counts[0].sum()])
    assert found.effect == pytest.approx(stats.contingency.association(equal, method="cramer"))


@settings(max_examples=inputs(20), deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 200), st.integers(20, 200), st.floats(0, 1))
def test_numbers_are_compared_as_scipy_does(seed: int, n_train: int, n_test: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.concatenate([rng.normal(size=n_train), rng.normal(shift, 1, n_test)])
    found = drift.of_numbers(numbers, n_train, ALL(len(numbers), dtype=bool))
    assert found is not None
    expected = stats.ks_2samp(numbers[:n_train], numbers[n_train:], method="asymp")
    assert (found.effect, found.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))


def test_words_are_tested_as_fishers_exact_test_does_where_it_matters() -> None:
    n_train, n_test = 300, 120
    train, test = np.array([40, 3, 90, 1]), np.array([2, 14, 36, 9])
    found = drift._fisher(train, test, n_train, n_test)
    for place, (a, b) in enumerate(zip(train, test, strict=True)):
        table = [[a, n_train - a], [b, n_test - b]]
        tails = [stats.fisher_exact(table, alternative=side).pvalue for side in ("less", "greater")]
        expected = min(1.0, 2 * min(tails))
        assert found[place] == pytest.approx(expected) or (found[place] == 1.0 and expected > 0.02)
    assert found[0] < 0.01
    assert found[2] == 1.0


def test_psi_is_its_textbook_formula_on_many_rows() -> None:
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.3, 0.3])
    expected = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert drift.psi(p * 1e9, q * 1e9) == pytest.approx(expected, rel=1e-6)


def drifted(change: object, n: int = 800) -> tuple[DataFinding, ...]:
    rng = np.random.default_rng(5)
    train, test = clean(n, rng), clean(n, rng)
    return ep.check_data(train, change(test, rng)).of("drift")  # type: ignore[operator]


def new_channel(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.assign(channel=np.where(rng.random(len(rows)) < 0.3, "fax", rows["channel"]))


def gaps(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.assign(amount=rows["amount"].where(rng.random(len(rows)) < 0.7))


def more_neutral(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.assign(label=np.where(rng.random(len(rows)) < 0.4, "neutral", rows["label"]))


def new_word(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.assign(text=rows["text"] + np.where(rng.random(len(rows)) < 0.1, " covid", ""))


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        (new_channel, "channel", "'fax' is 0.0 % of the training rows and"),
        (lambda rows, rng: rows.assign(amount=rows["amount"] + 0.5), "amount", "Kolmogorov–Smirnov D 0."),
        (gaps, "amount", "'(missing)' is 0.0 % of the training rows"),
        (more_neutral, "label", "'neutral' is"),
        (lambda rows, rng: rows.assign(text=rows["text"].str[:20]), "length of text", "median"),
        (new_word, "words of text", "'covid' is in 0.0 % of the training texts and"),
    ],
)
def test_a_drift_that_was_planted_is_found(change: object, column: str, said: str) -> None:
    found = {row.column: row for row in drifted(change)}
    assert column in found
    assert found[column].level.value == "warning"
    assert said in found[column].sentence
    assert found[column].q_value < 0.05


def test_what_no_eye_would_see_is_no_drift_on_many_rows() -> None:
    """On 40,000 rows a shift of a twentieth of a standard deviation is significant, and small."""
    rng = np.random.default_rng(0)
    numbers = np.concatenate([rng.normal(size=20_000), rng.normal(0.05, 1, 20_000)])
    frame = pd.DataFrame({"x": numbers, "label": "a"})
    found = drift.of_numbers(numbers, 20_000, ALL(40_000, dtype=bool))
    assert found is not None
    assert found.p_value < 0.01
    assert [row.level.value for row in ep.check_data(frame[:20_000], frame[20_000:]).of("drift")] == ["ok"]


def test_ids_and_what_names_the_part_are_not_compared() -> None:
    rows = pd.DataFrame(
        {"id": range(400), "uid": [f"u{i}" for i in range(400)], "part": ["old"] * 200 + ["new"] * 200,
         "only_old": [1.0, 2.0] * 100 + [np.nan] * 200, "label": list("ab") * 200}
    )  # fmt: skip
    (finding,) = ep.check_data(rows[:200], rows[200:]).of("drift")
    assert finding.level.value == "ok"
    assert "1 column compared; most differs 'label'" in finding.sentence


def test_times_of_later_rows_are_later() -> None:
    rows = pd.DataFrame({"at": pd.date_range("2025-01-01", periods=300), "label": list("ab") * 150})
    (finding,) = ep.check_data(rows[:200], rows[200:]).of("drift")
    assert (finding.column, finding.effect) == ("at", 1.0)
    assert "the test rows are later" in finding.sentence


@pytest.mark.parametrize("n_clusters", [0, 60])
def test_clean_data_seldom_drift_or_leak(n_clusters: int) -> None:
    """At most one clean data set in 20 is warned of; tests/benchmarks/test_data_checks.py draws many more."""
    rng = np.random.default_rng(n_clusters)
    n, alarms = 16, 0
    for _ in range(n):
        parts = [clean(200, rng, n_clusters=n_clusters) for _ in range(2)]
        found = ep.check_data(*parts, cluster="customer_id" if n_clusters else None)
        alarms += any(row.level.value != "ok" for row in (*found.of("drift"), *found.of("leaks")))
    assert alarms <= stats.binom.ppf(0.999, n, 0.05)


def test_clusters_without_their_column_would_be_taken_for_drift() -> None:
    """What the line above guards against: 250 rows of 15 customers are not 250 independent ones."""
    rng = np.random.default_rng(3)
    parts = [[clean(250, rng, n_clusters=15) for _ in range(2)] for _ in range(5)]
    warned = [
        sum(bool(ep.check_data(*pair, cluster=cluster).of("drift")[0].column) for pair in parts)
        for cluster in (None, "customer_id")
    ]
    assert warned[0] >= 4
    assert warned[1] <= 1
