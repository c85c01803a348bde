"""Two data sets: mix and rate effects held against a calculation by hand, loops and a bootstrap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.mix_rate import mix_and_rate
from mlflow_evalplus.errors import ComparisonError
from mlflow_evalplus.results.difference import MixRate
from tests.generated import inputs


def rows(**counts: tuple[int, int]) -> pd.DataFrame:
    """Return rows by channel = (right, wrong)."""
    parts = [
        pd.DataFrame({"channel": channel, "label": "a", "prediction": ["a"] * right + ["b"] * wrong})
        for channel, (right, wrong) in counts.items()
    ]
    return pd.concat(parts, ignore_index=True)


def found(a: pd.DataFrame, b: pd.DataFrame, **options: Any) -> MixRate:
    return mix_and_rate(*(evaluate(side, slices=["channel"], **options) for side in (a, b)), "channel")


def test_by_hand() -> None:
    """Kitagawa's split: app falls from 80 % to 50 % of the rows at 0.9, web rises to 50 % and from 0.5 to 0.6."""
    result = found(rows(app=(45, 5), web=(30, 20)), rows(app=(72, 8), web=(10, 10)))
    assert result.total.value == pytest.approx(0.75 - 0.82)
    by_name = {row.name: row for row in result.rows}
    level = (0.75 + 0.82) / 2
    assert by_name["channel=app"].mix == pytest.approx(-0.3 * (0.9 - level))
    assert by_name["channel=web"].mix == pytest.approx(0.3 * (0.55 - level))
    assert by_name["channel=app"].rate == pytest.approx(0)
    assert by_name["channel=web"].rate == pytest.approx(0.35 * 0.1)
    assert (result.mix.value, result.rate.value) == pytest.approx((-0.3 * 0.35, 0.035))
    web = by_name["channel=web"]
    assert (web.n_a, web.n_b, web.share_a, web.share_b) == (50, 20, 0.5, 0.2)
    assert (web.accuracy_a, web.accuracy_b) == pytest.approx((0.6, 0.5))


def test_a_value_that_one_side_lacks_is_all_mix() -> None:
    result = found(rows(app=(40, 10), chat=(20, 30)), rows(app=(80, 20)))
    by_name = {row.name: row for row in result.rows}
    level = (0.6 + 0.8) / 2
    assert by_name["channel=chat"].mix == pytest.approx(0.5 * (0.4 - level))
    assert by_name["channel=chat"].rate == 0
    assert np.isnan(by_name["channel=chat"].accuracy_b)
    assert result.mix.value == pytest.approx(-0.2)
    assert result.rate.value == pytest.approx(0)


@st.composite
def months(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    label = rng.choice(["a", "b"], n)
    common = np.where(np.arange(n) == 0, "app", rng.choice(draw(st.sampled_from([["app"], ["app", "web", "x"]])), n))
    return pd.DataFrame({
        "label": label, "prediction": np.where(rng.random(n) < 0.7, label, None), "channel": common,
        "w": rng.uniform(0.1, 3, n), "customer": rng.integers(0, 7, n),
    })  # fmt: skip


@settings(deadline=None, max_examples=inputs(60))
@given(months(), months(), st.sampled_from([None, "w"]), st.sampled_from([None, "customer"]))
def test_effects_sum_to_the_difference(
    a: pd.DataFrame, b: pd.DataFrame, weight: str | None, cluster: str | None
) -> None:
    result = found(a, b, weight=weight, cluster=cluster)
    weights = [side["w"] if weight else pd.Series(1.0, side.index) for side in (a, b)]
    right = [side["label"].eq(side["prediction"]) for side in (a, b)]
    accuracy = [np.average(hit, weights=w) for hit, w in zip(right, weights, strict=True)]
    total = accuracy[0] - accuracy[1]
    assert result.total.value == pytest.approx(total, abs=1e-12)
    assert result.mix.value + result.rate.value == pytest.approx(total, abs=1e-12)
    assert sum(row.mix + row.rate for row in result.rows) == pytest.approx(total, abs=1e-12)
    assert {row.name for row in result.rows} == {f"channel={v}" for v in {*a["channel"], *b["channel"]}}
    for row in result.rows:
        inside = [side["channel"] == row.name.removeprefix("channel=") for side in (a, b)]
        pulls = [
            (w * (hit - np.mean(accuracy)))[where].sum() / w.sum()
            for w, hit, where in zip(weights, right, inside, strict=True)
        ]
        assert row.mix + row.rate == pytest.approx(pulls[0] - pulls[1], abs=1e-12)
        assert (row.n_a, row.n_b) == tuple(where.sum() for where in inside)
    for effect in (result.total, result.mix, result.rate):
        assert effect.lower <= effect.value <= effect.upper


@settings(deadline=None, max_examples=inputs(20))
@given(months(), months())
def test_exchanging_the_data_sets_changes_the_sign_only(a: pd.DataFrame, b: pd.DataFrame) -> None:
    forth, back = found(a, b), found(b, a)
    for effect, mirror in ((forth.total, back.total), (forth.mix, back.mix), (forth.rate, back.rate)):
        assert (effect.value, effect.lower, effect.upper, effect.p_value) == pytest.approx(
            (-mirror.value, -mirror.upper, -mirror.lower, mirror.p_value), abs=1e-9
        )


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [None, "customer"])
def test_effects_have_the_error_of_a_bootstrap(cluster: str | None) -> None:
    rng = np.random.default_rng(2)
    sides = []
    for shares in ([0.5, 0.3, 0.2], [0.3, 0.3, 0.4]):
        channel = rng.choice(3, 500, p=shares)
        hit = rng.random(500) < np.array([0.9, 0.75, 0.5])[channel]
        frame = pd.DataFrame({"label": "a", "prediction": np.where(hit, "a", "b")})
        frame["channel"] = np.array(["app", "web", "mail"])[channel]
        sides.append(frame.assign(customer=np.arange(500) // 4, w=rng.uniform(0.5, 2, 500)))
    weight = "w" if cluster else None
    result = found(*sides, cluster=cluster, weight=weight)

    def effects() -> tuple[float, float]:
        shares, rates = [], []
        for side in sides:
            units = rng.integers(0, 125, 125)[:, None] * 4 + np.arange(4) if cluster else rng.integers(0, 500, 500)
            drawn = side.iloc[np.ravel(units)]
            w = drawn["w"] if weight else pd.Series(1.0, drawn.index)
            by = [w[drawn["channel"].eq(c) & drawn["prediction"].isin(kinds)].sum() / w.sum()
                  for kinds in (["a"], ["a", "b"]) for c in ("app", "web", "mail")]  # fmt: skip
            shares.append(np.array(by[3:]))
            rates.append(np.array(by[:3]) / by[3:])
        (w_a, w_b), (r_a, r_b) = shares, rates
        return float(((w_a - w_b) * (r_a + r_b) / 2).sum()), float(((w_a + w_b) / 2 * (r_a - r_b)).sum())

    spread = np.std([effects() for _ in range(300)], axis=0)
    z = stats.t.ppf(0.975, 124) if cluster else stats.norm.ppf(0.975)
    for effect, error in zip((result.mix, result.rate), spread, strict=True):
        assert (effect.upper - effect.lower) / 2 / z == pytest.approx(error, rel=0.12)
        assert stats.norm.isf(effect.p_value / 2) == pytest.approx(abs(effect.value) / error, rel=0.12)


def test_no_error_anywhere_is_no_certainty_of_equal_rates() -> None:
    result = found(rows(app=(40, 0), web=(10, 0)), rows(app=(30, 0), web=(20, 0)))
    assert (result.total.value, result.rate.value, result.mix.value) == (0, 0, 0)
    assert result.rate.upper == pytest.approx(1.959964**2 / (50 + 1.959964**2))
    assert result.total.upper > 0.05


def test_the_frame_and_the_order_of_the_rows() -> None:
    result = found(rows(app=(45, 5), web=(30, 20)), rows(app=(72, 8), web=(10, 10)))
    table = result.frame()
    assert tuple(table.columns) == names.MIX_RATE_COLUMNS
    assert table["slice"].tolist() == [row.name for row in result.rows]
    sizes = (table["mix"] + table["rate"]).abs().tolist()
    assert sizes == sorted(sizes, reverse=True)
    web = table.set_index("slice")["summary"]["channel=web"]
    assert web == "20.0 % → 50.0 % of the rows, mix -7.0, rate +3.5 points"


def test_what_cannot_be_split_is_refused() -> None:
    may, june = (evaluate(rows(**side), slices=["channel"]) for side in ({"app": (5, 5)}, {"web": (5, 5)}))
    with pytest.raises(ComparisonError, match=r"no value of 'channel' occurs in both data sets: \['app'\] in the"):
        mix_and_rate(may, june, "channel")
    with pytest.raises(ComparisonError, match=r"'chanel' is not in both.*Did you mean 'channel'"):
        mix_and_rate(may, may, "chanel")
    with pytest.raises(ComparisonError, match="need the rows of both"):
        mix_and_rate(may, replace(may, predictions=None), "channel")
