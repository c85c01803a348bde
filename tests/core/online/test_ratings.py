from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.online.two_way import two_way
from mlflow_evalplus.errors import DataError
from tests.generated import inputs


def rated(
    seed: int = 0, raters: int = 8, examples: int = 60, severity: float = 0.4, share: float = 1.0, effect: float = 0.5
) -> pd.DataFrame:
    """Return ratings of two variants' answers to the same examples; some raters are stricter than others."""
    rng = np.random.default_rng(seed)
    quality, strict = rng.normal(size=examples), severity * rng.normal(size=raters)
    rows = [
        (f"r{r}", e, v, 3 + quality[e] + strict[r] + effect * (v == "B") + 0.7 * rng.normal(), "xy"[e % 2])
        for r in range(raters) for e in range(examples) for v in "AB" if rng.random() < share
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["rater", "example", "variant", "rating", "part"])


def test_variances_of_two_ways_are_those_of_the_reference() -> None:
    frame = rated()
    found = two_way(0.0, (frame["rating"] - frame["rating"].mean()).to_numpy() / len(frame),
                    frame["example"].to_numpy(), pd.factorize(frame["rater"])[0])  # fmt: skip
    fitted = OLS(frame["rating"], np.ones(len(frame))).fit()
    groups = frame["example"].to_numpy(), pd.factorize(frame["rater"])[0]
    parts = [cov.item() for cov in cov_cluster_2groups(fitted, *groups, use_correction=False)[1:]]
    pair = frame.assign(e=fitted.resid).groupby(["rater", "example"])["e"].sum()
    both = (pair**2).sum() / len(frame) ** 2
    corrected = [part * g / (g - 1) for part, g in zip((*parts, both), (60, 8, 480), strict=True)]
    assert found.variance == pytest.approx(corrected[0] + corrected[1] - corrected[2])
    assert (found.n_examples, found.n_raters, found.df) == (60, 8, 7)


def test_every_example_counts_alike_however_many_rated_it() -> None:
    frame = rated(share=0.5)
    frame = frame[frame["variant"] == "A"]
    found = ep.ratings(frame).overall.means[""]
    assert found.value == pytest.approx(frame.groupby("example")["rating"].mean().mean())
    assert found.n == frame["example"].nunique()


def test_the_difference_is_that_of_the_examples_where_both_were_rated() -> None:
    frame = rated(share=0.6)
    frame = frame[~((frame["variant"] == "B") & (frame["example"] < 10))]
    found = ep.ratings(frame, variant="variant")
    means = frame.pivot_table(index="example", columns="variant", values="rating").dropna()
    assert found.overall.difference is not None
    assert found.overall.difference.value == pytest.approx((means["B"] - means["A"]).mean())
    assert found.overall.difference.n == len(means) < 60
    assert f"{len(means)} of {frame['example'].nunique()} examples" in " ".join(found.notes)


def test_a_rater_who_is_strict_with_both_does_not_blur_the_difference() -> None:
    calm, strict = (ep.ratings(rated(severity=s), variant="variant").overall for s in (0.0, 3.0))
    assert strict.difference is not None
    assert calm.difference is not None
    assert strict.difference.value == pytest.approx(calm.difference.value)
    assert strict.difference.lower == pytest.approx(calm.difference.lower)
    widths = [figures.means["A"].upper - figures.means["A"].lower for figures in (calm, strict)]
    assert widths[1] > 3 * widths[0]


def test_p_is_small_just_where_the_interval_leaves_0_out() -> None:
    for seed in range(20):
        figures = ep.ratings(rated(seed, effect=0.08), variant="variant").overall
        assert figures.difference is not None
        outside = figures.difference.lower > 0 or figures.difference.upper < 0
        assert outside == (figures.p_value < 0.05)


def test_variants_rated_on_other_examples_are_compared_unpaired_and_it_says_so() -> None:
    frame = rated()
    apart = frame[(frame["variant"] == "A") == (frame["example"] % 2 == 0)]
    found = ep.ratings(apart, variant="variant")
    paired = ep.ratings(frame, variant="variant")
    assert found.overall.difference is not None
    assert paired.overall.difference is not None
    means = apart.groupby("variant")["rating"].mean()
    assert found.overall.difference.value == pytest.approx(means["B"] - means["A"])
    assert "not paired" in " ".join(found.notes)
    assert found.overall.p_value > paired.overall.p_value


def test_one_rater_gives_no_interval_and_few_raters_a_note() -> None:
    frame = rated()
    one, few = (ep.ratings(frame[frame["rater"].isin(chosen)], variant="variant") for chosen in (["r0"], ["r0", "r1"]))
    assert all(math.isnan(e.lower) for e in one.evidence.metrics.values())
    assert "One person rated" in one.notes[0]
    assert math.isnan(one.overall.p_value)
    assert few.overall.means["B"].small_support
    assert "Only 2 people rated" in few.notes[0]
    t = stats.t.ppf(0.975, 1)
    assert few.overall.means["B"].upper - few.overall.means["B"].lower > t * 0.1


def test_who_rates_unlike_the_others_is_named() -> None:
    frame = rated(severity=0.0)
    frame["rating"] -= 1.5 * (frame["rater"] == "r3")
    found = ep.ratings(frame, variant="variant")
    assert [rater.name for rater in found.raters if rater.far] == ["r3"]
    assert found.raters[0].gap.value == pytest.approx(-1.5, abs=0.2)
    others = frame[frame["rater"] != "r3"].groupby(["example", "variant"])["rating"].mean()
    mine = frame[frame["rater"] == "r3"].set_index(["example", "variant"])["rating"]
    assert found.raters[0].gap.value == pytest.approx((mine - others).mean())
    assert any("Rater r3 rates 1." in note and "below" in note for note in found.notes)
    assert not any(rater.far for rater in ep.ratings(rated(severity=0.0), variant="variant").raters)


def test_pass_and_fail_are_shares_and_a_scale_bounds_the_mean() -> None:
    frame = rated(severity=0.0)
    passed = ep.ratings(frame.assign(rating=np.where(frame["rating"] > 1, "pass", "fail")), variant="variant")
    share = passed.overall.means["B"]
    assert 0.9 < share.value < share.upper <= 1
    assert passed.level == "nominal"
    words = np.array(["bad", "ok", "good"])[np.clip(np.round(frame["rating"] / 2), 0, 2).astype(int)]
    on_scale = ep.ratings(frame.assign(rating=words), scale=["bad", "ok", "good"], variant="variant")
    assert all(1 <= mean.lower < mean.upper <= 3 for mean in on_scale.overall.means.values())
    all_good = ep.ratings(frame.assign(rating="pass"), variant="variant")
    assert 0.8 < all_good.overall.means["B"].lower < all_good.overall.means["B"].upper == 1


def test_a_slice_is_what_its_ratings_are_alone() -> None:
    frame = rated(share=0.7)
    found = ep.ratings(frame, variant="variant", slices=["part"])
    for row in found.slices:
        alone = ep.ratings(frame[frame["part"] == row.values[0]], variant="variant").overall
        assert (alone.means, alone.difference, alone.agreement) == (row.means, row.difference, row.agreement)
    p_values = [row.p_value for row in found.slices]
    assert [row.q_value for row in found.slices] == pytest.approx(stats.false_discovery_control(p_values))
    assert [row.name for row in found.evidence.slices] == ["part=x", "part=y"]


def test_the_evidence_has_the_names_that_gates_use() -> None:
    both, alone = ep.ratings(rated(), variant="variant"), ep.ratings(rated()[lambda f: f["variant"] == "A"])
    assert set(both.evidence.metrics) == {"rating_mean", "rating_difference", "rating_agreement"}
    assert set(alone.evidence.metrics) == {"rating_mean", "rating_agreement"}
    assert {*both.evidence.metrics} < set(names.EVIDENCE_METRICS)
    assert both.evidence.metrics["rating_mean"] == both.overall.means["B"]
    assert list(both.frame().columns) == list(names.EVIDENCE_COLUMNS)
    assert "B is rated higher: rating of B +0." in both.sentence
    assert alone.sentence.startswith("Mean rating ")


def test_another_frame_or_order_gives_the_same() -> None:
    frame = rated(share=0.6)
    expected = ep.ratings(frame, variant="variant").frame()
    for other in (pl.from_pandas(frame), frame.sample(frac=1, random_state=0)):
        pd.testing.assert_frame_equal(ep.ratings(other, variant="variant").frame(), expected)


@settings(max_examples=inputs(40), deadline=None)
@given(
    st.sampled_from([0.1, 0.3, 3.0, 3.3, -0.7, 1 / 3, 1e-9, 1e9 + 0.1]), st.integers(2, 9), st.integers(2, 40),
    st.sampled_from(["same", "a side each", "turns"]),
)  # fmt: skip
def test_ratings_that_differ_by_rounding_alone_have_no_bounds(size: float, k: int, m: int, how: str) -> None:
    """295 ratings, all of them 3, do not say that the 296th is; nor do raters who take turns to be strict."""
    rows = [
        (f"r{r}", e, v, r, e) for r in range(k) for e in range(k * (1 + m // k) if how == "turns" else m) for v in "AB"
    ]
    frame = pd.DataFrame(rows, columns=["rater", "example", "variant", "r", "e"])
    rating = {"same": 1, "a side each": 1 + (frame["variant"] == "B"), "turns": 1 + (frame["r"] + frame["e"]) % k}[how]
    frame["rating"] = size * rating
    for variant in (None, "variant"):
        found = ep.ratings(frame if variant else frame[frame["variant"] == "A"], variant=variant)
        figures = {**found.evidence.metrics, **{r.name: r.gap for r in found.raters if how != "turns"}}
        figures.pop("rating_agreement")
        assert all(math.isnan(e.lower) and math.isnan(e.upper) for e in figures.values())
        treated = frame.loc[frame["variant"] == ("B" if variant else "A"), "rating"]
        assert figures["rating_mean"].value == pytest.approx(treated.mean())
        assert math.isnan(found.overall.p_value)
        assert not any(rater.far for rater in found.raters)
        assert any("shows no spread" in note for note in found.notes)


def test_ratings_that_are_alike_on_each_example_still_have_bounds() -> None:
    frame = pd.DataFrame(
        [(r, e, 0.1 * (1 + e % 5)) for r in "abc" for e in range(40)], columns=["rater", "example", "rating"]
    )
    found = ep.ratings(frame, confidence=0.9)
    assert found.overall.means[""].lower < 0.3 < found.overall.means[""].upper
    assert all(math.isnan(rater.p_value) and rater.gap.value == 0 for rater in found.raters)
    assert found.evidence.confidence == 0.9
    assert not any("spread" in note for note in found.notes)


@settings(max_examples=inputs(30), deadline=None)
@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from("AB")), min_size=2), st.integers(0, 99))
def test_whatever_the_ratings_bounds_enclose_the_value_or_are_nan(
    who_what: set[tuple[int, int, str]], seed: int
) -> None:
    rows = sorted({*who_what, (0, 0, "A"), (0, 0, "B")})
    frame = pd.DataFrame(rows, columns=["rater", "example", "variant"])
    frame["rating"] = np.random.default_rng(seed).integers(0, 3, len(frame))
    found = ep.ratings(frame, variant="variant", scale=[0, 1, 2], slices=["example"])
    for row in found.evidence.rows:
        e = row.estimate
        assert math.isnan(e.lower) or e.lower - 1e-9 <= e.value <= e.upper + 1e-9
    assert found.sentence


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda f: pd.concat([f, f[:2]]), {}, "2 times somebody rated one answer more than once"),
        (lambda f: f.assign(rater=None), {}, "ratings have no value in column 'rater'"),
        (lambda f: f.assign(rating=None), {}, "no rating in column 'rating'"),
        (lambda f: f, {"level": "ratio"}, "level must be one of"),
        (lambda f: f, {"confidence": 1.0}, "confidence must lie"),
        (lambda f: f, {"rating": "part"}, "finite numbers, or yes and no"),
        (lambda f: f.assign(variant="A"), {}, "two variants or more"),
    ],
)
def test_what_cannot_be_rated_is_one_clear_error(change: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        ep.ratings(change(rated()), variant="variant", **options)
