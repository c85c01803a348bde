from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.results import Estimate, Outcome
from mlflow_evalplus.results.ab_test import ABTest
from tests.generated import inputs

HOSTILE = ["<script>alert(1)</script>", "a|b\x00\u202e", "中文 🙂" * 1000]


def events(seed: int = 0, n: int = 4000, effect: float = 0.3, per_user: int = 4) -> pd.DataFrame:
    """Return the rows of an experiment split by user."""
    rng = np.random.default_rng(seed)
    user = rng.integers(0, n // per_user, n)
    arm = np.random.default_rng(seed + 1).integers(0, 2, n)[user]
    level = rng.normal(0, 1, n)[user] + effect * arm
    return pd.DataFrame(
        {
            "variant": np.where(arm, "B", "A"),
            "outcome": np.where(rng.random(n) < 1 / (1 + np.exp(-level)), "yes", "no"),
            "seconds": np.exp(level + rng.normal(size=n)),
            "user": user,
            "channel": rng.choice(["app", "web", "mail"], n),
        }
    )


def same(one: ABTest, other: ABTest) -> bool:
    pd.testing.assert_frame_equal(one.frame(), other.frame())
    return (one.more, one.notes, one.broken) == (other.more, other.notes, other.broken)


@pytest.mark.parametrize("outcome", ["outcome", "seconds"])
@pytest.mark.parametrize("cluster", [None, "user"])
def test_a_slice_is_what_its_rows_are_alone(outcome: str, cluster: str | None) -> None:
    frame = events()
    found = ep.ab_test(frame, outcome=outcome, cluster=cluster, slices=["channel"])
    assert [row.name for row in found.slices] == ["channel=app", "channel=mail", "channel=web"]
    for row in found.slices:
        alone = ep.ab_test(frame[frame["channel"] == row.values[0]], outcome=outcome, cluster=cluster).overall
        assert str(alone.difference) == str(row.difference)
        assert str(alone.fixed) == str(row.fixed)
        assert str(alone.outcome) == str(row.outcome)
        assert alone.p_value == pytest.approx(row.p_value)
    p_values = [row.p_value for row in found.slices]
    assert [row.q_value for row in found.slices] == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


def test_the_always_valid_interval_holds_the_fixed_one_and_users_make_both_wider() -> None:
    frame = events()
    rows, users = ep.ab_test(frame), ep.ab_test(frame, cluster="user")
    for found in (rows, users):
        always, fixed = found.overall.difference, found.overall.fixed
        assert always.lower < fixed.lower < fixed.value == always.value < fixed.upper < always.upper
    assert users.overall.fixed.upper - users.overall.fixed.lower > 1.15 * (
        rows.overall.fixed.upper - rows.overall.fixed.lower
    )
    assert [variant.clusters for variant in rows.variants] == [None, None]
    met = frame.groupby("variant")["user"].nunique()
    assert [variant.clusters for variant in users.variants] == [met["A"], met["B"]]


def test_rows_in_another_order_frame_or_spelling_give_the_same() -> None:
    frame = events(n=800)
    expected = ep.ab_test(frame, cluster="user", slices=["channel"])
    assert same(expected, ep.ab_test(frame.sample(frac=1, random_state=0), cluster="user", slices=["channel"]))
    assert same(expected, ep.ab_test(pl.from_pandas(frame).lazy(), cluster="user", slices=["channel"]))
    ones = frame.assign(outcome=(frame["outcome"] == "yes").astype(float))
    assert same(expected, ep.ab_test(ones, cluster="user", slices=["channel"]))


def test_treatment_and_control_taken_for_each_other_turn_the_sign() -> None:
    frame = events(n=800)
    one, other = (ep.ab_test(frame, control=c, cluster="user").overall for c in "AB")
    assert one.difference.value == -other.difference.value
    assert (one.difference.lower, one.fixed.lower) == pytest.approx((-other.difference.upper, -other.fixed.upper))
    assert one.p_value == pytest.approx(other.p_value)


def test_a_broken_experiment_has_no_bounds_and_says_why() -> None:
    frame = events()
    frame = frame[(frame["variant"] == "A") | (np.arange(len(frame)) % 4 > 0)]
    found = ep.ab_test(frame, slices=["channel"])
    assert found.broken
    assert found.srm_p_value < 0.001
    assert "do not fit the intended split" in found.notes[0]
    assert found.sentence.startswith("The experiment is broken")
    estimates = [*found.evidence.metrics.values(), *(e for row in found.evidence.slices for e in row.metrics.values())]
    assert len(estimates) == 8
    assert all(math.isnan(e.lower) and math.isnan(e.upper) and e.defined for e in estimates)
    assert math.isnan(found.overall.p_value)
    whole = ep.ab_test(frame, split={"A": 4, "B": 3})
    assert not whole.broken
    assert whole.overall.difference.lower > 0


def test_users_who_met_both_variants_are_taken_into_account_and_named() -> None:
    rng = np.random.default_rng(0)
    user, arm = np.arange(2000) // 2, np.arange(2000) % 2  # each user meets both, and is much alike in both
    level = rng.normal(0, 3, 1000)[user]
    frame = pd.DataFrame(
        {"variant": np.where(arm, "b", "control"), "outcome": level + rng.normal(size=2000), "user": user}
    )
    paired, rows = ep.ab_test(frame, cluster="user"), ep.ab_test(frame)
    assert "1,000 of 1,000 users met both variants" in paired.notes[0]
    widths = [found.overall.fixed.upper - found.overall.fixed.lower for found in (paired, rows)]
    assert widths[0] < 0.4 * widths[1]


def test_what_shows_no_spread_decides_nothing() -> None:
    same_outcomes = pd.DataFrame({"variant": ["A", "B"] * 50, "outcome": [2.0, 3.0] * 50})
    one_user = events(n=100).assign(user=lambda frame: frame["variant"])
    for frame, cluster, said in ((same_outcomes, None, "Without any spread"), (one_user, "user", "one user")):
        found = ep.ab_test(frame, cluster=cluster)
        assert math.isnan(found.overall.difference.lower)
        assert math.isnan(found.overall.fixed.lower)
        assert math.isnan(found.overall.p_value)
        assert said in found.notes[-1]
        assert found.sentence.startswith("Cannot tell")
    never = ep.ab_test(pd.DataFrame({"variant": ["A", "B"] * 50, "outcome": ["no"] * 100}))
    assert never.overall.difference.lower < 0 < never.overall.difference.upper


def test_rows_without_outcome_or_variant_are_left_out_and_counted() -> None:
    frame = events(n=400)
    holes = pd.concat([frame, frame[:3].assign(outcome=None), frame[:2].assign(variant=None)], ignore_index=True)
    found = ep.ab_test(holes)
    pd.testing.assert_frame_equal(found.frame(), ep.ab_test(frame).frame())
    assert found.notes == ("5 rows without a variant or an outcome are left out of the means.",)


def test_the_sentence_says_what_to_do() -> None:
    clear = ep.ab_test(events(n=20_000), cluster="user", outcome="outcome")
    assert clear.sentence.startswith("B is better: outcome of B +")
    assert "points [+" in clear.sentence
    assert "may be looked at every day (always-valid p < 0.001)" in clear.sentence
    assert clear.more is None
    slower = ep.ab_test(events(n=20_000), outcome="seconds", lower_is_better=True)
    assert slower.sentence.startswith("B is worse: seconds of B +")
    unclear = ep.ab_test(events(effect=0.1), cluster="user")
    assert unclear.more is not None
    assert f"Cannot tell yet; about {unclear.more:,} more users would tell" in unclear.sentence
    assert repr(unclear) == f"ABTest({unclear.sentence})"


def test_a_further_variant_is_shown_and_not_compared() -> None:
    frame = events(n=1000)
    three = pd.concat([frame, events(seed=5, n=500).assign(variant="C")])
    found = ep.ab_test(three, treatment="B")
    assert [variant.name for variant in found.variants] == ["A", "B", "C"]
    assert str(found.overall.difference) == str(ep.ab_test(frame).overall.difference)


def test_the_frame_has_the_columns_of_the_contract() -> None:
    table = ep.ab_test(events(n=400), slices=["channel"]).frame()
    assert list(table.columns) == list(names.EVIDENCE_COLUMNS)
    assert table["key"].tolist()[:4] == ["mean[A]", "mean[B]", "difference", "difference_fixed"]
    assert set(table["level"]) == {"variant", "difference", "slice"}


SIZED = st.sampled_from([0.1, 0.3, 1.1, 3.3, -0.7, 1 / 3, 1e-9, 1e9 + 0.1, 0.1 + 0.2])


def boundless(estimate: Estimate) -> bool:
    return estimate.defined and math.isnan(estimate.lower) and math.isnan(estimate.upper)


@settings(max_examples=inputs(40), deadline=None)
@given(SIZED, SIZED, st.integers(2, 400), st.integers(1, 3))
def test_one_number_throughout_has_no_bounds_whatever_it_and_however_often(
    a: float, b: float, n: int, rows: int
) -> None:
    """0.3 summed up a hundred times is not 30: what is left over is no spread."""
    frame = pd.DataFrame({"variant": ["A", "B"] * n * rows, "user": np.arange(2 * n * rows) % (2 * n)})
    frame["outcome"] = np.where(frame["variant"] == "A", a, b)
    for cluster in (None, "user"):
        found = ep.ab_test(frame, cluster=cluster)
        means = [variant.mean for variant in found.variants]
        assert all(map(boundless, [*found.evidence.metrics.values(), found.overall.fixed, *means]))
        assert math.isnan(found.overall.p_value)
        assert found.overall.difference.value == pytest.approx(b - a)
        assert "no interval of the difference and of the mean of the treatment" in found.notes[-1]


@settings(max_examples=inputs(30), deadline=None)
@given(SIZED, st.integers(3, 60), st.sampled_from(["alike", "paired", "one side"]), st.booleans())
def test_users_who_differ_by_rounding_alone_show_no_spread(size: float, n: int, how: str, binary: bool) -> None:
    user, turn, arm = np.repeat(np.arange(n), 6), np.tile(np.arange(6) // 2, n), np.tile([0, 1], 3 * n)
    if how == "paired":  # each user's outcome is higher with B by the same
        outcome = user % 2 if binary else size * (user % 7) + size / 3 * arm
    else:  # the rows of each user differ, their sums do not
        outcome = turn % 3 == 0 if binary else size * (turn + 1) * (arm + 1)
        user = user if how == "alike" else user * 2 + arm
    found = ep.ab_test(pd.DataFrame({"variant": np.where(arm, "B", "A"), "outcome": outcome * 1.0, "user": user}),
                       cluster="user")  # fmt: skip
    assert boundless(found.overall.difference)
    assert boundless(found.overall.outcome) or how == "paired"
    assert boundless(found.overall.fixed) or (binary and how != "paired")


def test_where_one_variant_has_no_spread_the_difference_still_has_bounds() -> None:
    frame = events().assign(seconds=lambda f: f["seconds"].where(f["variant"] == "A", 0.3))
    found = ep.ab_test(frame, outcome="seconds")
    assert boundless(found.overall.outcome)
    assert not boundless(found.overall.difference)
    assert found.notes == (
        "Without any spread, of rows or of users, there is no interval of the mean of the treatment.",
    )


@pytest.mark.parametrize("lower_is_better", [False, True])
def test_gates_see_by_how_much_the_treatment_is_better(lower_is_better: bool) -> None:
    frame = events(n=20_000)
    frame["seconds"] *= -1 if lower_is_better else 1  # B has more of it, or less
    found = ep.ab_test(frame, outcome="seconds", slices=["channel"], lower_is_better=lower_is_better)
    evidence = found.evidence
    assert found.sentence.startswith("B is better")
    assert ("(less is better)" in found.sentence) is lower_is_better
    assert (evidence.confidence, ep.ab_test(frame, confidence=0.9).evidence.confidence) == (0.95, 0.9)
    for raw, metrics in zip(
        (found.overall, *found.slices), (evidence.metrics, *(row.metrics for row in evidence.slices)), strict=True
    ):
        seen, difference = metrics["ab_difference"], raw.difference
        bounds = (-difference.upper, -difference.lower) if lower_is_better else (difference.lower, difference.upper)
        assert (seen.lower, seen.upper) == bounds
        assert seen.value == abs(difference.value)
        assert metrics["ab_outcome"] == raw.outcome
    worse = ep.ab_test(frame, outcome="seconds", lower_is_better=not lower_is_better).evidence
    evaluation = ep.evaluate(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "b"]}))
    gate = {"thresholds": [{"metric": "ab_difference", "min": 0}]}
    decided = [ep.decide(replace(evaluation, evidence=(one,)), gate).outcome for one in (evidence, worse)]
    assert decided == [Outcome.PASS, Outcome.FAIL]
    assert evidence.of("difference", "difference")[""].estimate == found.overall.difference
    assert (f"{evidence.metrics['ab_difference']}." in " ".join(evidence.notes)) is lower_is_better


@settings(max_examples=inputs(30), deadline=None)
@given(st.data())
def test_whatever_the_rows_bounds_enclose_the_value_or_are_nan(data: Any) -> None:
    n = data.draw(st.integers(2, 30))
    outcome = data.draw(st.sampled_from([st.sampled_from([0, 1]), st.floats(-1e6, 1e6), st.sampled_from([3.0])]))
    frame = pd.DataFrame(
        {
            "variant": ["A", "B", *data.draw(st.lists(st.sampled_from("AB"), min_size=n - 2, max_size=n - 2))],
            "outcome": data.draw(st.lists(outcome, min_size=n, max_size=n)),
            "user": data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)),
            "part": data.draw(st.lists(st.sampled_from("xy"), min_size=n, max_size=n)),
        }
    )
    found = ep.ab_test(frame, cluster=data.draw(st.sampled_from([None, "user"])), slices=["part"])
    for row in found.evidence.rows:
        e = row.estimate
        slack = 1e-9 * max(1.0, abs(e.value))
        assert math.isnan(e.lower) or e.lower - slack <= e.value <= e.upper + slack
        assert math.isnan(row.p_value) or 0 <= row.p_value <= 1
    assert found.sentence


def test_hostile_names_pass_through() -> None:
    frame = events(n=400)
    frame["variant"] = np.where(frame["variant"] == "A", HOSTILE[0], HOSTILE[2])
    frame["channel"] = HOSTILE[1]
    found = ep.ab_test(frame, control=HOSTILE[0], slices=["channel"])
    assert found.slices[0].values == (HOSTILE[1],)
    with pytest.raises(DataError, match="which variant is the control") as error:
        ep.ab_test(frame)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {"outcome": "outcom"}, "Did you mean 'outcome'"),
        ({}, {"variant": "user"}, "at most 20, but has"),
        ({"variant": "A"}, {}, "two variants or more"),
        ({}, {"outcome": "channel"}, "finite numbers, or yes and no"),
        ({}, {"planned": 0}, "planned must be"),
        ({}, {"confidence": 95}, "confidence must lie"),
        ({"user": None}, {"cluster": "user"}, "rows have no value"),
        ({"outcome": None}, {}, "no row of variant 'A' has an outcome"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(
    changes: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises((DataError, ColumnNotFound), match=said):
        ep.ab_test(events(n=400).assign(**changes), **options)
