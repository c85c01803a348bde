"""What each rule does, held against a loop over rows and rules; verdicts; what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.rule_effects import with_rule_effects
from mlflow_evalplus.errors import ColumnNotFound, DataError
from tests.core.test_applied_rules import LABELS, RULES, WORDS, one_by_one
from tests.generated import inputs

SCORES = {label: f"p_{label}" for label in LABELS}


def scored(rng: np.random.Generator, n: int = 40, right: float = 0.6) -> pd.DataFrame:
    """Return texts of a few words, labels, and scores that are right as often as told."""
    texts = [" ".join(rng.choice(WORDS, rng.integers(0, 3))) for _ in range(n)]
    scores = rng.dirichlet([0.7] * 3, n)
    label = np.where(rng.random(n) < right, scores.argmax(axis=1), rng.integers(0, 3, n))
    frame = pd.DataFrame({"text": texts, "label": np.array(LABELS)[label], "id": [f"r{place}" for place in range(n)]})
    frame["channel"] = rng.choice(["app", "web"], n)
    return frame.assign(**dict(zip(SCORES.values(), scores.T, strict=True)))


def answers(frame: pd.DataFrame, rules: list[dict[str, Any]]) -> list[str]:
    rows = frame[list(SCORES.values())].to_numpy().tolist()
    scores = [one_by_one(row, text, rules) for row, text in zip(rows, frame["text"], strict=True)]
    return [LABELS[row.index(max(row))] for row in scores]


def moves(frame: pd.DataFrame, before: list[str], after: list[str]) -> tuple[int, int, int]:
    rows = list(zip(frame["label"], before, after, strict=True))
    return (
        sum(old != new for _, old, new in rows),
        sum(old != label == new for label, old, new in rows),
        sum(old == label != new for label, old, new in rows),
    )


@settings(deadline=None, max_examples=inputs(25))
@given(RULES.filter(lambda rules: any(rule["label"] != "unknown" for rule in rules)), st.integers(0, 2**32 - 1))
def test_every_count_is_that_of_a_loop_over_rows_and_rules(rules: list[dict[str, Any]], seed: int) -> None:
    frame = scored(np.random.default_rng(seed))
    found = ep.rule_effects(frame, rules, base_scores=SCORES, example_id="id")
    base, full = answers(frame, []), answers(frame, rules)
    assert (found.moves.changed, found.moves.fixed, found.moves.broken) == moves(frame, base, full)
    assert found.base_accuracy.value == pytest.approx(np.mean(frame["label"] == base))
    assert found.accuracy.value == pytest.approx(np.mean(frame["label"] == full))
    assert found.net.value == pytest.approx(found.accuracy.value - found.base_accuracy.value)
    known = [number for number, rule in enumerate(rules, 1) if rule["label"] != "unknown"]
    assert [rule.number for rule in found.rules] == known
    for effect in found.rules:
        own = rules[effect.number - 1]
        without = answers(frame, [rule for number, rule in enumerate(rules, 1) if number != effect.number])
        expected, alone = moves(frame, without, full), moves(frame, base, answers(frame, [own]))
        assert (effect.moves.changed, effect.moves.fixed, effect.moves.broken) == expected
        assert (effect.alone.changed, effect.alone.fixed, effect.alone.broken) == alone
        assert effect.fired == frame["text"].str.contains(own["pattern"], case=False).sum()
        assert effect.net.value == pytest.approx((expected[1] - expected[2]) / len(frame))
        rows = zip(frame["id"], frame["label"], without, full, strict=True)
        broken = {key for key, label, old, new in rows if old == label != new}
        assert set(effect.broken_examples) <= broken
        assert len(effect.broken_examples) == min(len(broken), 20)


def planted() -> pd.DataFrame:
    """Return 400 rows: 'refund' is bad and missed, 'late' is fine, 'thanks' is right already, but wrong in the app."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"text": "hello", "label": rng.choice(LABELS, 400), "channel": rng.choice(["app", "web"], 400)}
    )
    frame["prediction"] = frame["label"]
    frame.loc[:29, ["text", "label", "prediction"]] = ["my refund", "bad", "good"]
    frame.loc[30:59, ["text", "label", "prediction"]] = ["so late", "fine", "fine"]
    frame.loc[60:99, ["text", "label", "prediction"]] = ["thanks", "good", "fine"]
    frame.loc[100:139, ["text", "label", "prediction"]] = ["thanks", "fine", "fine"]
    frame.loc[60:99, "channel"], frame.loc[100:139, "channel"] = "web", "app"
    return frame


def test_rules_are_kept_dropped_or_left_open_by_what_is_shown() -> None:
    rules = {"refund": "bad", "late": "good", "thanks": "good", "hello": "unheard", "never": "bad", "refunds?": "bad"}
    found = ep.rule_effects(planted(), rules, slices=["channel"])
    told = {rule.number: rule for rule in found.rules}
    assert {number: rule.verdict for number, rule in told.items()} == {
        1: "idle", 2: "drop", 3: "undecided", 5: "never_fired", 6: "idle",
    }  # fmt: skip
    assert (told[1].alone.fixed, told[6].alone.fixed) == (30, 30)  # each backs the other up
    assert (told[2].moves.broken, told[2].net.value) == (30, -0.075)
    assert [(part.name, part.fixed, part.broken) for part in told[3].slices] == [("channel=app", 0, 40)]
    assert (told[5].fired, told[5].net.value, told[5].slices) == (0, 0.0, ())
    assert math.isnan(told[5].net.p_value)
    assert found.notes == ("Left out, as the model does not know their labels: rule 4 for 'unheard'.",)
    alone = ep.rule_effects(planted(), {"refund": "bad"}).rules[0]
    assert (alone.verdict, alone.moves.fixed) == ("keep", 30)
    assert alone.net.lower > 0


def test_rules_for_unknown_labels_are_named_with_the_nearest_label() -> None:
    rules = [{"pattern": "refund", "label": "bad"}] + [{"pattern": "x", "label": "god"}] * 7
    (note,) = ep.rule_effects(planted(), rules).notes
    assert "rule 2 for 'god' (Did you mean 'good'?), rule 3 for" in note
    assert note.endswith("rule 6 for 'god' (Did you mean 'good'?), 2 more.")


def test_a_few_broken_rows_are_no_evidence() -> None:
    frame = planted()
    frame.loc[frame["text"] == "so late", "text"] = "hello"
    frame.loc[200:204, ["text", "label", "prediction"]] = ["late", "fine", "fine"]
    (rule,) = ep.rule_effects(frame, {"late": "good"}).rules
    assert (rule.moves.broken, rule.verdict) == (5, "undecided")
    assert rule.net.p_value == pytest.approx(2 / 32)


def test_weights_and_clusters_count() -> None:
    frame = planted().assign(weight=1.0, customer=[f"c{place}" for place in range(400)])
    frame.loc[30:59, "customer"] = "one"
    late = {"late": "good"}
    (rule,) = ep.rule_effects(frame, late, cluster="customer").rules
    assert (rule.verdict, rule.net.p_value) == ("undecided", 1.0)  # one customer alone
    frame.loc[30:59, "weight"] = 4.0
    (rule,) = ep.rule_effects(frame, late, weight="weight").rules
    assert rule.net.value == pytest.approx(-120 / 490)
    assert rule.share == pytest.approx(120 / 490)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_rule_is_judged_by_its_sum_and_not_by_the_number_of_customers(swapped: bool) -> None:
    """It fixes 14 customers of a row each and breaks 40 rows of one, or the reverse."""
    one_each = pd.DataFrame({"customer": [f"c{place}" for place in range(14)], "label": "bad"})
    frame = pd.concat([one_each, pd.DataFrame({"customer": ["large"] * 40, "label": "good"})])
    if swapped:
        frame["label"] = frame["label"].map({"bad": "good", "good": "bad"})
    rest = pd.DataFrame({"customer": [f"d{place}" for place in range(60)], "label": "good", "text": "hello"})
    frame = pd.concat([frame.assign(text="refund"), rest]).assign(prediction="good", channel="app")
    frame["customer"] = frame["customer"].astype(str)
    for weight in (None, "weight"):
        rows = frame.assign(weight=1.0 + (frame["customer"] == "large"))
        (rule,) = ep.rule_effects(rows, {"refund": "bad"}, cluster="customer", slices=["channel"], weight=weight).rules
        assert (rule.net.value > 0) == swapped
        assert (rule.verdict, rule.q_value, rule.slices) == ("undecided", 1.0, ())


def test_an_evaluation_is_taken_as_it_is_and_its_answers_are_held_against_the_scores() -> None:
    frame = scored(np.random.default_rng(1), 80)
    frame["prediction"] = answers(frame, [])
    evaluation = ep.evaluate(frame, text="text", scores=SCORES, slices=["channel"], confidence=0.9)
    rules = [{"pattern": "refund", "label": "bad", "weight": 1.5}]
    found = ep.rule_effects(evaluation, rules)
    expected = ep.rule_effects(frame, rules, base_scores=SCORES, slices=["channel"], confidence=0.9)
    assert replace(found, base="base", rules=()) == replace(expected, rules=())
    assert repr(found.rules[0].net) == repr(expected.rules[0].net)
    assert found.base == "score"
    other = ep.rule_effects(ep.evaluate(frame.assign(prediction="bad"), text="text", scores=SCORES), rules)
    assert other.notes[0].startswith(f"In {sum(x != 'bad' for x in frame['prediction'])} of 80 rows the prediction is")


def test_columns_of_a_frame_that_are_named_as_in_the_contract_are_found() -> None:
    frame = scored(np.random.default_rng(2))
    rules = [{"pattern": "refund", "label": "bad", "weight": 1.5}]
    for kind in ("base", "score"):
        renamed = frame.rename(columns={column: f"{kind}.{label}" for label, column in SCORES.items()})
        assert (
            ep.rule_effects(renamed, rules).base_accuracy
            == ep.rule_effects(frame, rules, base_scores=SCORES).base_accuracy
        )
        assert ep.rule_effects(renamed.assign(prediction="bad"), rules).base == kind


def test_scores_of_one_label_are_none_and_labels_never_stand_in_for_predictions() -> None:
    frame = planted()
    lone = frame.drop(columns="prediction").assign(**{"score.bad": 0.5})
    with pytest.raises(DataError, match=r"one label only, in column 'score.bad', and no column 'prediction'"):
        ep.rule_effects(lone, {"refund": "bad"})
    for rows in (frame, lone):
        with pytest.raises(DataError, match="base_scores names one label, 'bad'; name the column of every label"):
            ep.rule_effects(rows.assign(p=0.5), {"refund": "bad"}, base_scores={"bad": "p"})
    told = ep.rule_effects(frame.assign(**{"base.bad": 0.5, "score.bad": 0.5}), {"refund": "bad"})
    assert (told.base, told.base_accuracy) == ("prediction", ep.rule_effects(frame, {"refund": "bad"}).base_accuracy)
    scores = scored(np.random.default_rng(3)).rename(columns={f"p_{label}": f"score.{label}" for label in LABELS})
    both = ep.rule_effects(scores.assign(**{"base.bad": 0.5}), {"refund": "bad"})
    assert both.base_accuracy == ep.rule_effects(scores, {"refund": "bad"}).base_accuracy
    assert both.base_accuracy.value < 1


@pytest.mark.parametrize("confidence", [95, 1.0, 0.5, 0, -1, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    for data in (planted(), ep.evaluate(planted(), text="text")):
        with pytest.raises(DataError, match=r"confidence is .*; give a share between 0.5 and 1, such as 0.95"):
            ep.rule_effects(data, {"refund": "bad"}, confidence=confidence)


def test_what_cannot_be_judged_is_refused_with_what_to_do() -> None:
    frame = planted()
    weighted = [{"pattern": "x", "label": "bad"}, {"pattern": "refund", "label": "bad", "weight": 1}]
    with pytest.raises(DataError, match=r"keyword rule 2 has a weight, .*give base_scores"):
        ep.rule_effects(frame, weighted)
    with pytest.raises(DataError, match="there are no keyword rules"):
        ep.rule_effects(frame, [])
    with pytest.raises(DataError, match=r"no keyword rule is for one of .* Did you mean 'good'\?"):
        ep.rule_effects(frame, {"x": "god"})
    with pytest.raises(ColumnNotFound, match="'text'"):
        ep.rule_effects(frame.drop(columns="text"), {"x": "bad"})
    evaluation = ep.evaluate(frame.drop(columns="text"))
    with pytest.raises(DataError, match="no texts"):
        ep.rule_effects(evaluation, {"x": "bad"})
    with pytest.raises(DataError, match="not at hand"):
        ep.rule_effects(replace(evaluation, predictions=None), {"x": "bad"})
    with pytest.raises(DataError, match="slices names columns of a data frame"):
        ep.rule_effects(evaluation, {"x": "bad"}, slices=["channel"])


def test_rules_of_a_model_that_does_not_say_its_scores_before_them_are_a_note() -> None:
    evaluation = ep.evaluate(planted(), text="text")
    assert with_rule_effects(evaluation, None) is evaluation
    told = with_rule_effects(evaluation, {"refund": "bad"})
    assert told.rule_effects is None
    assert told.notes == (
        "What each keyword rule of the model does is not known: the model returns no columns 'base.<label>', its "
        "probabilities before the rules",
    )


def test_the_frame_has_the_columns_of_the_contract_and_a_key_for_each_rule() -> None:
    rules = [{"pattern": "refund", "label": "bad"}] * 2 + [{"pattern": "late", "label": "good"}]
    frame = ep.rule_effects(planted(), rules).frame()
    assert tuple(frame.columns) == names.RULE_COLUMNS
    assert frame["rule"].tolist() == ["refund → bad", "refund → bad (2)", "late → good"]
    assert frame["weight"].isna().all()
    assert frame["summary"][2] == "drop: fired 30, fixed 0, broke 30, -7.5 [-10.5, -4.9] points"
