"""The cause of each error: one each, found where it was planted, named in words, and none invented in noise."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.core.attribution.causes import ACTIONS
from mlflow_evalplus.core.attribution.evidence import Answers
from mlflow_evalplus.core.attribution.gains import as_the_rest
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.results.attribution import Attribution
from mlflow_evalplus.results.causes import CAUSES, Case, Cases, Cause, Causes
from tests.generated import inputs

WORDS = np.array(["late", "but", "not", "refund", "投诉", "drone", "fine", "yeah right", "好"])
WHY = ("training", "rules")


def explained(frame: pd.DataFrame, **options: Any) -> Attribution:
    """Return the attribution of a frame; options of `attribute` and of `evaluate`."""
    options = {"example_id": "id", "slices": [c for c in ("channel", "language") if c in frame]} | options
    why = {key: options.pop(key) for key in WHY if key in options}
    found = attribute(evaluate(frame.assign(id=[f"r{i}" for i in range(len(frame))]), **options), **why).attribution
    assert found is not None
    return found


def answered(wrong: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Return rows labelled "a" and "b" in turn, answered with the other one where `wrong`."""
    label = np.resize(["a", "b"], len(wrong))
    return pd.DataFrame(
        {"label": label, "prediction": np.where(wrong, np.resize(["b", "a"], len(wrong)), label), **columns}
    )


def with_scores(frame: pd.DataFrame, sure: Any) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the frame with scores of "a" and "b", `sure` for the prediction; no two alike, as a model's are."""
    sure = np.asarray(sure) + 1e-7 * np.random.default_rng(0).permutation(len(frame))
    a = np.where(frame["prediction"] == "a", sure, 1 - sure)
    return frame.assign(score_a=a, score_b=1 - a), {"a": "score_a", "b": "score_b"}


def of(found: Attribution) -> dict[str, int]:
    return {cause.name: cause.errors for cause in found.causes.rows}


def said(found: Attribution, cause: str) -> set[str]:
    return {case.evidence for case in found.cases.rows if case.cause == cause}


@st.composite
def runs(draw: st.DrawFn) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows with any of the things that causes are told by; errors from none to all, labels from one on."""
    n, rng = draw(st.integers(2, 90)), np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = np.array(["a", "b", "c"][: draw(st.integers(1, 3))])
    label = rng.choice(labels, n)
    wrong = rng.random(n) < draw(st.sampled_from([0.0, 0.2, 0.6, 1.0]))
    prediction = np.where(wrong, rng.choice(["a", "b", "c", None], n), label)
    frame = pd.DataFrame({"label": label, "prediction": prediction, "weight": rng.lognormal(0, 1, n)})
    frame["customer"], frame["channel"] = rng.integers(0, max(n // 3, 2), n), rng.choice(["app", "web", None], n)
    options: dict[str, Any] = draw(st.sampled_from([{}, {"weight": "weight"}, {"cluster": "customer"}]))
    if draw(st.booleans()):
        frame["text"] = [None if rng.random() < 0.1 else " ".join(rng.choice(WORDS, 4)) for _ in range(n)]
        options |= {"rules": {"refund": str(label[0]), "投诉": "b"}} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        learnt = {"text": [" ".join(rng.choice(WORDS[:5], 4)) for _ in range(20)], "channel": "app"}
        options["training"] = pd.DataFrame(learnt)
    if draw(st.booleans()):
        known = sorted({*label, *(value for value in prediction if value is not None)})
        scores = rng.dirichlet(np.full(len(known), draw(st.sampled_from([0.1, 1.0]))), n)
        frame[[f"score_{name}" for name in known]] = scores
        options["scores"] = {name: f"score_{name}" for name in known}
    if draw(st.booleans()):
        for annotator in "xyz":
            frame[annotator] = np.where(rng.random(n) < 0.6, label, rng.choice(["a", "b", "mixed", None], n))
        options["annotators"] = ["x", "y", "z"][: draw(st.integers(1, 3))]
    return frame, options


@settings(deadline=None, max_examples=inputs(60))
@given(runs())
def test_each_error_has_one_cause_and_the_shares_sum_to_one(run: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    frame, options = run
    found = explained(frame, **options)
    wrong = np.array([p != y for p, y in zip(frame["prediction"], frame["label"], strict=True)])
    ids = {f"r{i}" for i in np.flatnonzero(wrong)}
    cause_of = {case.example_id: case.cause for case in found.cases.rows}
    assert len(found.cases.rows) == len(cause_of) == found.n_errors == wrong.sum()
    assert set(cause_of) == ids
    assert Counter(cause_of.values()) == of(found)
    weight = frame["weight"] if options.get("weight") else pd.Series(1.0, frame.index)
    for cause in found.causes.rows:
        own = [int(name[1:]) for name, its in cause_of.items() if its == cause.name]
        assert cause.share_of_errors == pytest.approx(weight[own].sum() / weight[wrong].sum(), abs=1e-9)
        assert cause.action == ACTIONS[cause.name]
        assert len(cause.examples) == min(len(own), 20)
        assert set(cause.examples) <= {f"r{i}" for i in own}
        fixed = cause.accuracy_if_fixed
        assert not fixed.defined or 0 <= fixed.lower <= fixed.value <= fixed.upper <= 1
    if ids:
        assert sum(cause.share_of_errors for cause in found.causes.rows) == pytest.approx(1, abs=1e-9)
    for case in found.cases.rows:
        place = int(case.example_id[1:])
        assert (case.label, case.prediction) == (frame["label"][place], frame["prediction"].fillna(names.OTHER)[place])
        assert case.evidence
        assert case.cause in CAUSES
    gains = [action.gain.value for action in found.actions.rows]
    assert all(gain >= 0.0005 for gain in gains)
    share = dict.fromkeys(ids, 0.0) | {f"r{i}": float(weight[i] / weight.sum()) for i in np.flatnonzero(wrong)}
    for action in found.actions.rows:
        assert set(action.examples) <= ids
        if action.kind == "relabel":
            suspect = [name for name, cause in cause_of.items() if cause == "label_suspect"]
            assert action.gain.value <= sum(share[name] for name in suspect) + 1e-9
            assert action.rows is not None
            assert action.rows <= len(suspect)
    json.dumps(asdict(found))  # builtin types only: what is logged must be read again
    assert {type(row.errors) for row in found.causes.rows} <= {int}


def test_annotators_who_vote_against_the_label_make_it_suspect() -> None:
    wrong = np.arange(200) < 10
    frame = answered(wrong)
    truth = frame["prediction"].where(np.arange(200) < 6, frame["label"])
    found = explained(frame.assign(x=truth, y=truth, z=frame["label"]), annotators=["x", "y", "z"])
    assert of(found) == {"label_suspect": 6, "confident_and_wrong": 4}
    assert said(found, "label_suspect") == {"annotators voted 1 × a, 2 × b", "annotators voted 2 × a, 1 × b"}
    # with the labels that most voted for, four answers are wrong
    assert found.causes.rows[0].accuracy_if_fixed.value == pytest.approx(196 / 200)
    relabel = found.actions.rows[0]
    assert (relabel.kind, relabel.rows, relabel.gain.value) == ("relabel", 6, pytest.approx(6 / 200))


def test_a_label_that_only_annotators_know_is_no_answer_of_the_model() -> None:
    """A missing prediction is counted as none of the labels; it is not right where annotators say "mixed"."""
    frame = answered(np.arange(200) < 10).assign(x="mixed", y="mixed")
    frame.loc[np.arange(200) >= 10, ["x", "y"]] = "a"
    frame.loc[np.arange(200) >= 10, ["label", "prediction"]] = "a"
    frame.loc[np.arange(10), "prediction"] = None
    found = explained(frame, annotators=["x", "y"])
    assert of(found) == {"label_suspect": 10}
    assert found.causes.rows[0].accuracy_if_fixed.value == pytest.approx(190 / 200)
    assert not found.actions.rows


def test_annotators_who_are_split_make_a_row_ambiguous() -> None:
    wrong = np.arange(200) < 10
    frame = answered(wrong)
    x, y = frame["label"], frame["prediction"].where(np.arange(200) < 7, frame["label"])
    found = explained(frame.assign(x=x, y=y), annotators=["x", "y"])
    assert of(found) == {"ambiguous": 7, "confident_and_wrong": 3}
    assert said(found, "ambiguous") == {"annotators voted 1 × a, 1 × b"}
    adjudicate = found.actions.rows[0]
    assert (adjudicate.kind, adjudicate.rows) == ("adjudicate", 7)


def test_a_rule_that_says_the_label_was_missed() -> None:
    wrong = np.arange(200) < 12
    frame = answered(wrong, text=np.where(wrong, "My REFUND, please", "fine"))
    found = explained(frame, rules={r"refund|退款": "b", "fine$": "a"})
    assert of(found) == {"keyword_missed": 6, "confident_and_wrong": 6}
    assert said(found, "keyword_missed") == {"“REFUND” means b by the rule"}
    # the rules would break the 94 rows of "b" that say "fine", and mend six
    assert found.causes.rows[0].accuracy_if_fixed.value == pytest.approx((188 - 94 + 6 + 0) / 200)
    assert not [action for action in found.actions.rows if "keyword rules on top" in action.text]


def test_words_that_no_training_text_holds_are_unknown_vocabulary() -> None:
    rng = np.random.default_rng(0)
    new = np.arange(400) < 120
    wrong = rng.random(400) < np.where(new, 0.5, 0.05)
    frame = answered(wrong, text=np.where(new, "the drone is late", "the parcel is late"))
    found = explained(frame, training=pd.DataFrame({"text": ["the parcel is late"] * 9}))
    assert of(found) == {"unknown_vocabulary": (wrong & new).sum(), "confident_and_wrong": (wrong & ~new).sum()}
    assert said(found, "unknown_vocabulary") == {"hardly a training text holds drone"}
    assert "unknown_vocabulary" not in of(explained(frame))
    assert "unknown_vocabulary" not in of(explained(frame, training=frame))


def test_a_sure_model_that_is_seldom_wrong_makes_the_label_suspect() -> None:
    wrong = np.arange(400) < 12
    frame, scores = with_scores(answered(wrong), np.where(wrong, 0.97, 0.95 + np.resize([0.0, 0.03], 400)))
    found = explained(frame, scores=scores)
    assert of(found) == {"label_suspect": 12}
    assert said(found, "label_suspect") == {"the model gives 0.970 to a, 0.030 to the label",
                                            "the model gives 0.970 to b, 0.030 to the label"}  # fmt: skip
    assert found.cases.rows[0].confidence == pytest.approx(0.97, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "cue"),
    [("good but bad", "contrast"), ("yeah, right", "sarcasm"), ("没收", "negation"), ("呵呵，没", "negation, sarcasm")],
)  # fmt: skip
def test_texts_with_a_cue_that_are_answered_worse(text: str, cue: str) -> None:
    rng = np.random.default_rng(1)
    held = np.arange(400) < 120
    wrong = rng.random(400) < np.where(held, 0.5, 0.05)
    found = explained(answered(wrong, text=np.where(held, text, "good")))
    assert of(found) == {"language_cue": (wrong & held).sum(), "confident_and_wrong": (wrong & ~held).sum()}
    assert said(found, "language_cue") == {cue}


def test_rows_of_a_weak_slice_and_of_one_that_lacks_training_rows() -> None:
    """The kiosk has 24 of 400 rows: too few to stand out among 53 slices, were it not known that training lacks it."""
    channel = np.repeat(["app", "web", "kiosk"], [100, 276, 24])
    wrong = np.r_[np.arange(100) < 40, np.arange(276) < 14, np.arange(24) < 9]
    frame = answered(wrong, channel=channel, shop=np.resize([f"s{i}" for i in range(50)], 400))
    slices: dict[str, Any] = {"slices": ["channel", "shop"], "intersections": 1}
    assert of(explained(frame, **slices)) == {"weak_slice": 40, "confident_and_wrong": 23}
    training = pd.DataFrame({"channel": np.repeat(["app", "web", "kiosk"], [300, 690, 10])})
    found = explained(frame, training=training, **slices)
    assert of(found) == {"weak_slice": 49, "confident_and_wrong": 14}
    assert said(found, "weak_slice") == {"channel=app", "channel=kiosk"}
    enough = pd.DataFrame({"channel": np.repeat(["app", "web", "kiosk"], [300, 640, 60])})
    assert of(explained(frame, training=enough, **slices))["weak_slice"] == 40


def test_close_scores_are_ambiguous_and_what_is_left_is_the_model() -> None:
    wrong = np.arange(400) < 100
    # half of the rows of either label are answered wrongly now and then: no label is suspect, the model is poor
    sure = np.where(np.arange(400) < 40, 0.52, 0.7)
    frame, scores = with_scores(answered(wrong), sure)
    found = explained(frame.assign(x=frame["label"], y=frame["label"]), scores=scores, annotators=["x", "y"])
    assert of(found) == {"ambiguous": 40, "confident_and_wrong": 60}
    assert said(found, "ambiguous") == {
        "b 0.520, a 0.480: the model is undecided",
        "a 0.520, b 0.480: the model is undecided",
    }
    assert said(found, "confident_and_wrong") == {"0.700 sure, nothing else explains it"}
    assert said(explained(frame), "confident_and_wrong") == {"nothing else explains it"}
    # were only what is left mended, the 40 would stay
    assert found.causes.rows[-1].accuracy_if_fixed.value == pytest.approx(360 / 400)


def suspected() -> tuple[pd.DataFrame, dict[str, str]]:
    wrong = np.arange(400) < 12
    frame = answered(wrong, text=np.where(wrong, "the drone, please", "fine, thanks"))
    return with_scores(frame, np.where(wrong, 0.97, 0.95))


def test_a_rule_that_confirms_the_label_clears_it_of_suspicion() -> None:
    frame, scores = suspected()
    assert of(explained(frame, scores=scores)) == {"label_suspect": 12}
    found = explained(frame, scores=scores, rules={"drone": "a"})
    assert of(found) == {"label_suspect": 6, "keyword_missed": 6}


def test_annotators_who_confirm_the_label_clear_it_of_suspicion() -> None:
    """Two people who looked at a row know better than the model; one alone, or none, does not."""
    frame, scores = suspected()
    frame["x"] = frame["label"]
    frame["y"] = frame["label"].where(np.arange(400) % 3 > 0, None)
    found = explained(frame, scores=scores, annotators=["x", "y"])
    assert of(found) == {"label_suspect": 4, "confident_and_wrong": 8}


def test_a_word_that_the_model_cannot_know_comes_before_what_its_scores_say() -> None:
    frame, scores = suspected()
    training = pd.DataFrame({"text": ["fine, thanks"] * 9})
    assert of(explained(frame, scores=scores, training=training)) == {"unknown_vocabulary": 12}
    frame, scores = with_scores(frame, np.where(np.arange(400) < 12, 0.52, 0.95))
    assert "unknown_vocabulary" not in of(explained(frame, scores=scores))
    assert of(explained(frame, scores=scores, training=training)) == {"unknown_vocabulary": 12}


def test_weights_decide_which_group_is_worse() -> None:
    """Rows with "but" are wrong as often as others; by weight, as a sample stands for a population, far more."""
    held = np.arange(400) < 200
    wrong = np.arange(400) % 10 < 2
    frame = answered(wrong, text=np.where(held, "good but slow", "good"), weight=np.where(held & wrong, 5.0, 1.0))
    assert "language_cue" not in of(explained(frame))
    assert "language_cue" in of(explained(frame, weight="weight"))


def test_a_group_that_was_looked_for_among_several_must_be_surer_to_be_worse() -> None:
    wrong, inside = np.arange(400) % 20 < 3, np.arange(400) < 60
    wrong[:60] = np.arange(60) < 17
    rows = Answers(read(answered(wrong)))
    assert rows.is_worse(inside, 1)
    assert not rows.is_worse(inside, 5)
    assert rows.as_the_rest(inside, 5) == as_the_rest(rows.predictions, inside, wrong, 0.99)
    assert not rows.is_worse(inside | True, 1)
    assert not rows.is_worse(inside & False, 1)


@pytest.mark.slow
def test_groups_of_noise_are_seldom_a_cause() -> None:
    """Texts, cues, unfamiliar words and slices that have nothing to do with the errors."""
    rng, runs_, counts = np.random.default_rng(2), 60, Counter[str]()
    training = pd.DataFrame({"text": [" ".join(rng.choice(WORDS[:5], 3)) for _ in range(200)], "channel": "app"})
    for _ in range(runs_):
        text = [" ".join(rng.choice(WORDS, 3)) for _ in range(300)]
        frame = answered(rng.random(300) < 0.2, text=text, channel=rng.choice(["app", "web", "shop"], 300))
        counts.update(of(explained(frame, training=training)).keys())
    assert counts["confident_and_wrong"] == runs_
    for cause in ("unknown_vocabulary", "language_cue", "weak_slice"):
        assert counts[cause] <= stats.binom.ppf(0.999, runs_, 0.05), cause


@pytest.mark.slow
def test_customers_who_are_answered_worse_do_not_make_their_words_a_cause() -> None:
    """A cue of a few unlucky customers is one of few independent rows."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(30):
        customer = rng.integers(0, 30, 400)
        wrong = rng.random(400) < rng.beta(0.4, 1.6, 30)[customer]
        text = np.where((rng.random(30) < 0.4)[customer], "good but slow", "good")
        found += "language_cue" in of(explained(answered(wrong, text=text, customer=customer), cluster="customer"))
    assert found <= stats.binom.ppf(0.999, 30, 0.05)


def test_at_most_a_thousand_cases_of_500_characters_the_most_confident_first() -> None:
    frame, scores = with_scores(answered(np.ones(1200, bool), text="x" * 900), np.linspace(0.6, 0.9, 1200))
    found = explained(frame, scores=scores)
    sure = [case.confidence for case in found.cases.rows]
    assert len(sure) == 1000
    assert sure == sorted(sure, reverse=True)
    assert sum(of(found).values()) == 1200
    assert {len(case.text) for case in found.cases.rows} == {500}


def test_frames_have_the_columns_of_the_contract() -> None:
    frame, scores = suspected()
    found = explained(frame, scores=scores)
    causes, cases = found.causes.frame(), found.cases.frame()
    assert tuple(causes.columns) == tuple(Causes().frame().columns) == names.CAUSE_COLUMNS
    assert tuple(cases.columns) == tuple(Cases().frame().columns) == names.BAD_CASE_COLUMNS
    assert set(causes["examples"][0].split(", ")) == {f"r{i}" for i in range(12)}
    assert causes["summary"][0].startswith("100.0 % of the errors (12), accuracy if fixed 1.000 [")
    assert cases["summary"][0] == "a → b, 0.970 sure: label suspect"
    nan = float("nan")
    assert Case("r1", "a", "b", "weak_slice", "c=x", nan, "").summary == "a → b: weak slice"
    undefined = Cause("ambiguous", 3, 0.5, type(found.causes.rows[0].accuracy_if_fixed)(nan, nan, nan, 3), "ask", ())
    assert undefined.summary == "50.0 % of the errors (3)"
    assert set(ACTIONS) == set(CAUSES)
