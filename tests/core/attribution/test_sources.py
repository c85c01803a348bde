"""Attribution: against loops over the rows, statsmodels' intervals, and data whose cause is known."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution import sources as module
from mlflow_evalplus.core.attribution.sources import NO_WORD, Errors
from mlflow_evalplus.core.intervals import false_discovery
from mlflow_evalplus.core.predictions import Predictions, read
from mlflow_evalplus.core.weakness import skewed_tail
from mlflow_evalplus.results.attribution import Attribution, Source
from tests.generated import inputs

WORDS = ("late", "refund", "good", "不好", "好")
OPTIONS = {"slices": ["channel", "language"], "text": "text"}


def split_errors(rows: Predictions, **options: Any) -> Attribution:
    errors = Errors.of(rows)
    return Attribution(errors.n, errors.n_errors, module.split_errors(errors, **options))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Rows of which those with the word "late" or "不好" are mostly wrong, so that words do stand out."""
    n, rng = draw(st.integers(2, 150)), np.random.default_rng(draw(st.integers(0, 2**32)))
    rate = draw(st.sampled_from([0.0, 0.1, 0.5]))
    held = rng.random((n, len(WORDS))) < 0.3
    text = [" ".join(word for word, has in zip(WORDS, row, strict=True) if has) for row in held]
    label = rng.choice(["a", "b", "c"], n)
    wrong = rng.random(n) < np.where(held[:, [0, 3]].any(axis=1), draw(st.sampled_from([rate, 0.9])), rate)
    return pd.DataFrame(
        {
            "label": label,
            "prediction": np.where(wrong, rng.choice(["a", "b", "unheard of", None], n), label),
            "channel": rng.choice(["app", "web", None], n),
            "language": draw(st.sampled_from(["en", "zh"])),
            "text": [None if i % 7 == 3 else t for i, t in enumerate(text)],
            "weight": rng.lognormal(0, 1, n),
            "customer": rng.integers(0, max(n // 3, 2), n),
        }
    )


def levels(found: Attribution) -> dict[tuple[str, str], list[Source]]:
    parts = defaultdict(list)
    for source in found.sources:
        parts[source.level, source.column].append(source)
    return parts


def holders(frame: pd.DataFrame, source: Source) -> np.ndarray:
    """Return which rows hold a slice or a word, by a loop."""
    _, _, value = source.name.partition("=")
    if source.level == "slice":
        return np.array(
            [(names.MISSING if v is None else v) == value for v in frame[source.column].replace({np.nan: None})]
        )
    return np.array([f" {value} " in f" {text} " for text in frame["text"]])


@settings(deadline=None, max_examples=inputs(60))
@given(frames(), st.sampled_from([{}, {"weight": "weight"}, {"cluster": "customer"}]))
def test_shares_add_up_and_no_error_counts_twice(frame: pd.DataFrame, more: dict[str, str]) -> None:
    frame = frame.assign(id=[f"r{i}" for i in range(len(frame))])
    found = split_errors(read(frame, **OPTIONS, **more, example_id="id"), min_rows=1)
    given_ = [None if p not in ("a", "b", "c") and p != "unheard of" else p for p in frame["prediction"]]
    wrong = np.array([p != label for p, label in zip(given_, frame["label"], strict=True)])
    weight = frame["weight"].to_numpy() if "weight" in more else np.ones(len(frame))
    assert (found.n, found.n_errors) == (len(frame), wrong.sum())
    if not wrong.any():
        assert found.sources == ()
        return
    of_errors = weight[wrong].sum()
    parts = levels(found)
    assert set(parts) == {("class_pair", "class_pair"), ("slice", "channel"), ("slice", "language"), ("word", "word")}
    for sources in parts.values():
        assert math.fsum(source.share_of_errors for source in sources) == pytest.approx(1, abs=1e-9)
    for level, column in (("class_pair", "class_pair"), ("slice", "channel"), ("slice", "language")):
        assert sum(source.errors for source in parts[level, column]) == wrong.sum()
    owner = np.full(len(frame), NO_WORD, dtype=object)
    for source in reversed(parts["word", "word"]):  # the strongest is the first, so it comes last here
        if source.name == NO_WORD:
            continue
        owner[holders(frame, source)] = source.name
    rate = weight[wrong].sum() / weight.sum()
    for source in (s for s in found.sources if s.level != "class_pair"):
        has = owner == NO_WORD if source.name == NO_WORD else holders(frame, source)
        mine = owner == source.name if source.level == "word" else has
        assert (source.n, source.errors) == (has.sum(), (has & wrong).sum())
        assert source.share_of_rows == pytest.approx(weight[has].sum() / weight.sum())
        assert source.share_of_errors == pytest.approx(weight[mine & wrong].sum() / of_errors)
        assert source.error_rate == pytest.approx(weight[has & wrong].sum() / weight[has].sum())
        excess = (weight[has & wrong].sum() - rate * weight[has].sum()) * len(frame) / weight.sum()
        assert source.excess == pytest.approx(excess, abs=1e-9)
        assert source.excess_lower <= source.excess <= source.excess_upper
        assert source.examples == tuple(frame["id"][has & wrong][:20])
        if has.all():
            assert math.isnan(source.error_rate_rest)
            assert math.isnan(source.q_value)
        else:
            assert source.error_rate_rest == pytest.approx(weight[~has & wrong].sum() / weight[~has].sum())
    for column in ("channel", "language"):
        assert math.fsum(source.excess for source in parts["slice", column]) == pytest.approx(0, abs=1e-9)


@settings(deadline=None, max_examples=inputs(30))
@given(frames())
def test_class_pairs_are_those_of_a_loop(frame: pd.DataFrame) -> None:
    rows = list(
        zip(
            frame["label"], frame["prediction"].where(frame["prediction"].isin(["a", "b", "c"]), "(other)"), strict=True
        )
    )
    expected = Counter(f"{label} → {given_}" for label, given_ in rows if label != given_)
    known = read(frame, labels=["a", "b", "c"])
    found = split_errors(known).of("class_pair")
    assert {row.name: row.errors for row in found} == expected
    for row in found:
        n = sum(label == row.name[0] for label, _ in rows)
        assert (row.n, row.error_rate) == (n, pytest.approx(row.errors / n))
        assert math.isnan(row.excess)
        assert math.isnan(row.q_value)
    assert [row.errors for row in found] == sorted(expected.values(), reverse=True)


def test_the_excess_has_newcombes_interval() -> None:
    frame = answered(np.r_[np.arange(90) < 20, np.arange(160) < 15], channel=["app"] * 90 + ["web"] * 160)
    app, web = split_errors(read(frame, slices=["channel"])).of("channel")
    low, high = confint_proportions_2indep(20, 90, 15, 160, method="newcomb", compare="diff")
    spread = 90 * 160 / 250
    assert (app.name, web.name) == ("channel=app", "channel=web")
    assert app.excess == pytest.approx(20 - 90 * 35 / 250)
    assert [app.excess_lower, app.excess_upper] == pytest.approx([spread * low, spread * high])
    assert [web.excess_lower, web.excess_upper] == pytest.approx([-app.excess_upper, -app.excess_lower])


def test_the_interval_of_clusters_is_that_of_a_loop_over_them() -> None:
    """Each customer's wrong answers come together; some customers write in both channels."""
    rng = np.random.default_rng(1)
    customer = rng.integers(0, 40, 400)
    wrong = rng.random(400) < np.where(customer < 8, 0.8, 0.1)
    channel = np.where((customer < 5) | (rng.random(400) < 0.3), "app", "web")
    known = read(answered(wrong, channel=channel, customer=customer), slices=["channel"], cluster="customer")
    app = next(row for row in split_errors(known).of("channel") if row.name == "channel=app")
    inside, residual = channel == "app", wrong - wrong.mean()
    totals = [(((inside - inside.mean()) * residual)[customer == c]).sum() for c in range(40)]
    groups = len(set(customer[inside]))
    half = stats.t.ppf(0.975, groups - 1) * np.sqrt(np.square(totals).sum() * groups / (groups - 1))
    assert [app.excess_lower, app.excess_upper] == pytest.approx([app.excess - half, app.excess + half])
    plain = split_errors(read(answered(wrong, channel=channel), slices=["channel"])).of("channel")[0]
    assert app.excess_upper - app.excess_lower > plain.excess_upper - plain.excess_lower


def test_words_are_tested_one_sided_and_corrected_for_all_of_them() -> None:
    rng = np.random.default_rng(2)
    words = [f"w{chr(97 + i)}" for i in range(20)]
    held = rng.random((600, 20)) < 0.2
    wrong = rng.random(600) < np.where(held[:, 0], 0.5, 0.1)
    wrong &= ~held[:, 1]  # fewer errors than elsewhere is no reason for errors
    text = [" . ".join(w for w, has in zip(words, row, strict=True) if has) for row in held]
    word, rest = split_errors(read(answered(wrong, text=text), text="text")).of("word")
    assert (word.name, rest.name) == ("word=wa", NO_WORD)
    p_values = []
    for has in held.T:
        n, m, rate = has.sum(), (~has).sum(), wrong.mean()
        spread = rate * (1 - rate) * (1 / n + 1 / m)
        z = (wrong[has].mean() - wrong[~has].mean()) / np.sqrt(spread)
        skew = rate * (1 - rate) * (1 - 2 * rate) * (1 / n**2 - 1 / m**2) / spread**1.5
        p_values.append(skewed_tail(np.array([z]), np.array([skew]))[0])
    assert word.q_value == pytest.approx(false_discovery(np.array(p_values))[0], rel=1e-6)
    assert word.share_of_errors + rest.share_of_errors == pytest.approx(1, abs=1e-12)
    assert math.isnan(rest.q_value)


def test_of_words_that_overlap_the_strongest_owns_the_errors() -> None:
    """Where only "not working" goes wrong, the phrase is stronger than either of its words."""
    text = ["not working"] * 60 + ["not"] * 100 + ["working"] * 100 + ["fine thanks"] * 300
    wrong = np.arange(560) < 50
    found = split_errors(read(answered(wrong, text=text), text="text")).of("word")
    assert [row.name for row in found] == ["word=not working", "word=not", "word=working", NO_WORD]
    assert [row.errors for row in found] == [50, 50, 50, 0]
    assert [row.share_of_errors for row in found] == [1, 0, 0, 0]


def test_chinese_words_are_found_without_spaces() -> None:
    text = ["这个退款太慢", "退款呢", "物流很快", "质量不错", "很喜欢"] * 40
    wrong = np.array(["退款" in t for t in text]) & (np.arange(200) % 10 < 8)
    found = split_errors(read(answered(wrong, text=text), text="text")).of("word")
    assert found[0].name == "word=退款"
    assert found[0].share_of_errors == 1


def test_pure_noise_has_no_word_that_stands_out_in_19_of_20_runs() -> None:
    rng, runs = np.random.default_rng(3), 60
    text = [[" ".join(f"w{chr(97 + i)}" for i in rng.integers(0, 26, 5)) for _ in range(300)] for _ in range(runs)]
    sources = [split_errors(read(answered(rng.random(300) < 0.2, text=t), text="text")).of("word") for t in text]
    assert sum(len(rows) > 1 for rows in sources) <= stats.binom.ppf(0.999, runs, 0.05)


def test_listed_words_are_limited_and_the_others_stand_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTED", 1)
    text = ["late"] * 50 + ["rude"] * 40 + ["fine"] * 400
    found = split_errors(read(answered(np.arange(490) < 90, text=text), text="text")).of("word")
    assert [(row.name, row.errors) for row in found] == [("word=late", 50), (NO_WORD, 40)]


def test_the_most_confident_errors_come_first() -> None:
    n = 50
    frame = answered(np.arange(n) < 30, id=[f"r{i}" for i in range(n)], sure=np.linspace(0.1, 0.9, n))
    frame["prediction"] = frame["prediction"].replace({"z": "c"})
    known = read(frame, example_id="id", scores={"c": "sure"}, labels=["a", "b", "c"])
    pair = split_errors(known).of("class_pair")[0]
    assert pair.examples == tuple(f"r{i}" for i in range(29, -1, -1) if frame["label"][i] == pair.name[0])[:20]


def test_no_texts_no_slices_and_texts_without_words() -> None:
    frame = answered(np.arange(10) < 3, text=["24/7", None] * 5)
    assert {row.level for row in split_errors(read(frame)).sources} == {"class_pair"}
    (only,) = split_errors(read(frame, text="text")).of("word")
    assert (only.name, only.n, only.errors, only.share_of_errors, only.excess) == (NO_WORD, 10, 3, 1.0, 0.0)


def test_one_class_and_all_wrong() -> None:
    frame = pd.DataFrame({"label": ["a"] * 40, "prediction": "b", "channel": ["app", "web"] * 20, "text": "late again"})
    found = split_errors(read(frame, slices=["channel"], text="text"))
    assert [(row.name, row.errors, row.excess) for row in found.of("channel")] == [
        ("channel=app", 20, 0.0),
        ("channel=web", 20, 0.0),
    ]
    assert [row.name for row in found.of("word")] == [NO_WORD]


def test_the_frame_has_the_columns_of_the_contract() -> None:
    frame = answered(np.arange(40) < 10, id=[f"r{i}" for i in range(40)], channel=["app", "web"] * 20)
    table = split_errors(read(frame, slices=["channel"], example_id="id")).frame()
    assert tuple(table.columns) == names.ATTRIBUTION_COLUMNS
    assert table["examples"][0] == "r1, r3, r5, r7, r9"
    assert table["summary"][2] == "50.0 % of the errors (5) in 50.0 % of the rows, excess +0.0 [-2.6, +2.6]"
    assert list(Attribution(3, 0, ()).frame().columns) == list(names.ATTRIBUTION_COLUMNS)


def answered(wrong: Any, **columns: Any) -> pd.DataFrame:
    """Rows of two classes, answered wrongly where `wrong`."""
    label = np.where(np.arange(len(wrong)) % 2, "a", "b")
    return pd.DataFrame({"label": label, "prediction": np.where(wrong, "z", label), **columns})
