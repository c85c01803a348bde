from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.errors import DataError, RequirementsError
from mlflow_evalplus.results import Outcome
from mlflow_evalplus.results.selection import FailureCauses, Selection
from tests.core.selection.worlds import items, questions, select
from tests.generated import inputs

NAN = math.nan
ASKED = questions(120, ("policy", "loans", "tone"))


def answered(rate: float, seed: int, repeats: int = 1, **more: Any) -> Any:
    rng = np.random.default_rng(seed)
    values = (rng.random((120, repeats)) < rate) * 1.0
    return items(ASKED, values, seconds=rng.gamma(4, 0.25, (120, repeats)), **more)


def made(wanted: Any = None, **more: Any) -> Selection:
    return select(ASKED, {
        "big": answered(0.95, 0, money=np.full((120, 1), 0.02)),
        "small": answered(0.60, 1, money=np.full((120, 1), 0.001)),
        "wrong": answered(0.20, 2, money=np.full((120, 1), 0.03)),
    }, wanted, **more)  # fmt: skip


def test_a_selection_holds_everything_that_the_shapes_promise() -> None:
    causes = FailureCauses((), (), 7)
    found = select(
        ASKED, {"a": answered(0.9, 0, 3), "b": answered(0.5, 1, 3)}, {"priority": "stability"},
        about={"a": {"model": "m"}}, concurrency={"a": 8, "b": 4}, currency="EUR", repeats=3, notes=["seen"],
    )  # fmt: skip
    assert (found.n, found.n_clusters, found.repeats, found.confidence) == (120, 60, 3, 0.95)
    assert (found.source, found.digest) == ("made.jsonl", "0123456789ab")
    assert found.n_by_dimension == {"policy": 40, "loans": 40, "tone": 40}
    assert sum(found.dimension_weights.values()) == pytest.approx(1)
    a = found["a"]
    assert (a.about, found["b"].about) == ({"model": "m"}, {})
    assert (a.spending.concurrency, a.spending.currency) == (8, "EUR")
    assert [item.question for item in a.items] == [question.id for question in ASKED]
    assert set(a.measures) <= set(names.SELECTION_MEASURES)
    assert {"coverage", "no_answer_rate", "format_compliance", "refusal_rate", "fluency", "pass_k", "length"} <= set(
        a.measures
    )
    assert a.measures["length"].value == 3
    assert a.measures["coverage"].value == 1
    assert a.measures["pass_k"].value == pytest.approx(np.mean([all(s.passed for s in i.scores) for i in a.items]))
    assert np.mean([e.value for e in a.dimensions.values()]) == pytest.approx(a.score.value)
    assert {row.tag for row in a.tags} == {"language", "level"}
    assert found.notes[0] == "seen"
    assert found.pair("a", "b") is not None
    assert a.causes == FailureCauses((), ())
    assert causes.n_calls == 7


def test_the_highest_utility_comes_first_and_everything_is_of_builtin_types() -> None:
    found = made()
    assert [each.name for each in found.candidates] == ["big", "small", "wrong"]
    assert (found.decision.outcome, found.decision.chosen) == ("choose", "big")
    assert found.decision.front == ("big", "small")
    assert [each.utility for each in found.candidates] == sorted((e.utility for e in found.candidates), reverse=True)
    json.dumps(asdict(found), allow_nan=True)  # NumPy's types would not pass
    assert "np.float64" not in repr(found)


def test_cost_first_takes_the_cheap_one_that_clears_the_gates() -> None:
    cheap = made({"priority": "cost"})
    assert (cheap.decision.chosen, cheap.decision.priority) == ("small", "cost")
    gated = made({"priority": "cost", "selection": {"gates": [{"metric": "score", "min": 0.8}]}})
    assert gated.decision.chosen == "big"
    assert [each.verdict.outcome for each in gated.candidates if each.name != "big"] == [Outcome.FAIL] * 2


def test_without_a_gate_a_candidate_that_hardly_answers_is_not_taken() -> None:
    rng = np.random.default_rng(0)
    lucky = items(ASKED, np.where(rng.random(120) < 0.3, 1.0, NAN))
    found = select(ASKED, {"lucky": lucky, "honest": answered(0.8, 1)})
    assert found["lucky"].score.value == 1
    assert found["lucky"].verdict.outcome is Outcome.FAIL
    assert found["lucky"].measures["coverage"].value == pytest.approx(
        np.mean([not math.isnan(item.value) for item in lucky])
    )
    assert found.decision.chosen == "honest"


@pytest.mark.parametrize(("n", "outcome"), [(37, Outcome.UNDECIDED), (38, Outcome.PASS)])
def test_so_many_questions_that_were_all_answered_pass_without_a_gate(n: int, outcome: Outcome) -> None:
    asked = questions(n, ("a",), twins=False)
    assert select(asked, {"a": items(asked, np.zeros(n))})["a"].verdict.outcome is outcome


def test_calls_that_failed_are_missing_and_not_wrong() -> None:
    values = np.ones(120)
    values[:6] = NAN
    found = select(ASKED, {"a": items(ASKED, values)})["a"]
    assert (found.score.value, found.score.n, found.measures["coverage"].value) == (1.0, 114, 0.95)
    assert found.spending.errors == {"timeout": 6}


def test_a_candidate_that_never_answered_harms_nobody_else() -> None:
    dead = items(ASKED, np.full(120, NAN))
    found = select(ASKED, {"dead": dead, "a": answered(0.95, 0), "b": answered(0.4, 1)})
    alone = select(ASKED, {"a": answered(0.95, 0), "b": answered(0.4, 1)})
    assert [each.name for each in found.candidates] == ["a", "b", "dead"]
    assert found["a"].utility == alone["a"].utility
    assert found.decision.chosen == "a"
    assert math.isnan(found["dead"].score.value)
    assert found["dead"].verdict.outcome is Outcome.FAIL


def test_questions_that_no_judge_scored_are_left_out_and_said() -> None:
    values: Any = [None if question.dimension == "tone" else 1.0 for question in ASKED]
    found = select(ASKED, {"a": items(ASKED, values), "b": items(ASKED, values)})
    a = found["a"]
    assert (a.score.value, a.score.n, a.measures["coverage"].value) == (1.0, 80, 1.0)
    assert found.dimension_weights == {"policy": 0.5, "loans": 0.5, "tone": 0.0}
    assert math.isnan(a.dimensions["tone"].value)
    assert any("no answer to them could be scored: q4, q5" in note for note in found.notes)
    assert any("Without a score, so without weight: tone" in note for note in found.notes)
    assert a.verdict.outcome is Outcome.PASS


def test_what_nobody_could_score_was_paid_for_all_the_same() -> None:
    values: Any = [None if question.dimension == "tone" else 1.0 for question in ASKED]
    money = np.array([5.0 if question.dimension == "tone" else 1.0 for question in ASKED])
    found = select(ASKED, {"a": items(ASKED, values, money=money)}, {
        "selection": {"gates": [{"metric": "cost_per_1000", "max": 2000}]}
    })["a"]  # fmt: skip
    assert found.spending.per_1000 == pytest.approx(7000 / 3)
    gate = found.verdict.gates[0]
    assert gate.estimate is not None
    assert gate.estimate.value == pytest.approx(found.spending.per_1000)


def test_a_dimension_where_every_call_failed_has_no_weight_and_that_is_said() -> None:
    values = [NAN if question.dimension == "tone" else 1.0 for question in ASKED]
    found = select(ASKED, {"a": items(ASKED, values)})
    assert found.dimension_weights["tone"] == 0
    assert "Without a score, so without weight: tone." in found.notes
    assert found["a"].verdict.outcome is Outcome.FAIL, "coverage counts what never came"


def test_where_nobody_answered_anything_nobody_is_taken() -> None:
    dead = items(ASKED, np.full(120, NAN))
    found = select(ASKED, {"a": dead, "b": dead})
    assert (found.decision.outcome, found.decision.chosen) == ("none", "")
    assert all(math.isnan(each.utility) for each in found.candidates)


def test_ties_in_the_best_of_a_dimension_are_said() -> None:
    same = answered(0.9, 0)
    found = select(ASKED, {"a": same, "b": same, "c": answered(0.1, 3)})
    assert "Best by dimension: policy: a, b (tied); loans: a, b (tied); tone: a, b (tied)." in found.notes
    assert found.decision.tied == ("a", "b")


def test_a_dimension_in_which_all_are_tied_has_no_best() -> None:
    good, same = np.ones(120), answered(0.9, 0)
    bad = np.where([question.dimension == "loans" for question in ASKED], 0.0, 1.0)
    found = select(ASKED, {"a": items(ASKED, good), "b": items(ASKED, bad)})
    assert [note for note in found.notes if "Best by" in note] == ["Best by dimension: loans: a."]
    for candidates in ({"a": same, "b": same}, {"a": same}, {"a": same, "b": items(ASKED, np.full(120, NAN))}):
        assert not [note for note in select(ASKED, candidates).notes if "Best by" in note]


def test_latencies_under_different_concurrency_are_said() -> None:
    found = select(ASKED, {"a": answered(0.9, 0), "b": answered(0.5, 1)}, concurrency={"a": 1, "b": 16})
    assert "Latencies were measured under different concurrency: a 1, b 16." in found.notes


def test_a_dimension_of_few_questions_that_counts_much_is_said() -> None:
    rows = [replace(each, dimension="tiny") if i < 2 else each for i, each in enumerate(questions(122, ("big",)))]
    asked = QuestionSet(tuple(rows), "")
    rng = np.random.default_rng(4)
    candidates = {
        name: items(asked, np.concatenate([[1.0, tiny], rng.random(120) < rate]), money=money)
        for name, rate, tiny, money in (("a", 0.9, 1.0, 0.02), ("b", 0.6, 0.0, 0.01))
    }
    found = select(asked, candidates)
    assert any("intervals wide: tiny (2 questions, 50 % of the score). Ask more" in note for note in found.notes)
    # 30 points worse in 120 questions, and cheaper: that 2 questions blur it makes it no draw
    assert (found.decision.outcome, found.decision.chosen) == ("tied", "")
    assert "but a measures more than 5 points better" in found.decision.reason
    assert -1 <= found.pairs[0].utility.lower <= found.pairs[0].utility.upper <= 1
    assert not any("Few questions" in note for note in made().notes)
    light = select(asked, candidates, {"selection": {"dimensions": {"tiny": 0}}})
    assert not any("Few questions" in note for note in light.notes)
    assert light.decision.chosen == "a"


def test_without_a_gate_it_is_said_that_none_is_asked() -> None:
    said = "No gate is asked, so what is good enough is not decided: a candidate passes with coverage at least 0.9."
    poor = select(ASKED, {"a": answered(0.2, 0)})
    assert poor.decision.chosen == "a"
    assert any(said in note for note in poor.notes)
    assert not any(
        "No gate" in note for note in made({"selection": {"gates": [{"metric": "score", "min": 0.1}]}}).notes
    )


def test_who_leaves_out_what_it_would_get_wrong_is_not_taken_for_that() -> None:
    """Its own score is the highest; on the questions that both answered it is shown to be worse."""
    asked, rng = questions(1000, ("x",)), np.random.default_rng(1)
    hard = np.arange(1000) >= 950
    sly = np.where(hard, NAN, rng.random(1000) < 0.90)
    honest = np.where(hard, 0.0, rng.random(1000) < 0.935)
    found = select(asked, {"sly": items(asked, sly), "honest": items(asked, honest)})
    assert [each.name for each in found.candidates] == ["sly", "honest"]
    assert {each.verdict.outcome for each in found.candidates} == {Outcome.PASS}
    assert (found.decision.outcome, found.decision.chosen) == ("choose", "honest")
    assert "Best by dimension: x: honest." in found.notes


def test_one_candidate_and_one_question_are_no_reason_to_fail() -> None:
    asked = questions(1, ("a",))
    found = select(asked, {"only": items(asked, [1.0])})
    assert (found.decision.outcome, found.pairs, found.n) == ("undecided", (), 1)
    assert math.isnan(found["only"].score.lower)


def test_items_in_any_order_are_put_in_that_of_the_questions() -> None:
    one, other = answered(0.9, 0), answered(0.9, 0)[::-1]
    assert select(ASKED, {"a": one})["a"].score == select(ASKED, {"a": other})["a"].score


def test_what_does_not_fit_the_questions_is_named_all_at_once() -> None:
    wanted = {"selection": {
        "dimensions": {"polcy": 2},
        "gates": [{"metric": "score", "min": 0.5, "dimension": "loan"}, {"metric": "score", "not_worse_than": "bgi"},
                  {"metric": "score", "min": 0.5, "tag": "language=fr"}],
    }}  # fmt: skip
    with pytest.raises(RequirementsError) as caught:
        made(wanted)
    said = str(caught.value).splitlines()
    assert said[0] == "the requirements do not fit the questions, 4 mistakes:"
    assert "Did you mean 'policy'?" in said[1]
    assert "selection.gates.0.dimension: 'loan' is not among the dimensions" in said[2]
    assert "Did you mean 'loans'?" in said[2]
    assert "Did you mean 'big'?" in said[3]
    assert "selection.gates.2.tag: 'language=fr' is not among the tags" in said[4]
    both = {"metric": "score", "min": 0.5, "dimension": "policy", "tag": "level=hard"}
    with pytest.raises(RequirementsError, match="0: no question of the dimension 'policy' has the tag 'level=hard'"):
        made({"selection": {"gates": [both]}})
    with pytest.raises(RequirementsError, match="has the weight 0"):
        made({"selection": {"dimensions": {"policy": 0, "loans": 0, "tone": 0, "x": 1}}})


def test_items_that_are_not_those_of_the_questions_are_refused() -> None:
    whole = answered(0.9, 0)
    for wrong, said in [
        (whole[1:], r"119 items for 120 questions: it lacks \['q0'\]"), ((*whole, whole[0]), "one is there twice"),
        ((*whole, items(questions(122), np.ones(122))[121]), r"not among the questions are \['q121'\]"),
    ]:  # fmt: skip
        with pytest.raises(DataError, match=said):
            select(ASKED, {"a": wrong})
    with pytest.raises(DataError, match="no candidate"):
        select(ASKED, {})
    with pytest.raises(DataError, match="no question"):
        select(QuestionSet((), ""), {"a": ()})


def test_a_dimension_that_does_not_count_is_shown() -> None:
    found = made({"selection": {"dimensions": {"tone": 0, "policy": 3}}})
    assert found.dimension_weights == {"policy": 0.75, "loans": 0.25, "tone": 0.0}
    big = found["big"]
    assert big.score.value == pytest.approx(
        0.75 * big.dimensions["policy"].value + 0.25 * big.dimensions["loans"].value
    )
    assert big.dimensions["tone"].n == 40


@st.composite
def worlds(draw: st.DrawFn) -> tuple[QuestionSet, dict[str, Any], dict[str, Any]]:
    """Few questions and many holes: no answers, no verdicts, no prices, no times, one repeat or three."""
    n, repeats = draw(st.integers(1, 40)), draw(st.sampled_from([1, 3]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    asked = questions(
        n, ("a", "b", "c"), twins=draw(st.booleans()), weights=draw(st.sampled_from([(1.0,), (1.0, 9.0)]))
    )
    candidates = {}
    for name in "xyz"[: draw(st.integers(1, 3))]:
        kind = draw(st.sampled_from(["right", "wrong", "any", "fraction"]))
        values = {
            "right": np.ones((n, repeats)), "wrong": np.zeros((n, repeats)), "fraction": rng.random((n, repeats)),
            "any": rng.integers(0, 2, (n, repeats)),
        }[kind].astype(object)  # fmt: skip
        for hole in (NAN, None):
            values[rng.random((n, repeats)) < draw(st.sampled_from([0.0, 0.0, 0.4, 1.0]))] = hole
        more = {key: rng.random((n, repeats)) for key in ("seconds", "money", "fluency") if draw(st.booleans())}
        candidates[name] = items(asked, values, **more)
    gates = draw(st.sampled_from([[], [{"metric": "score", "min": 0.5, "min_questions": 1}], [
        {"metric": "score", "not_worse_than": "x", "margin": 0.2}, {"metric": "latency_ms_p95", "max": 900}
    ]]))  # fmt: skip
    priority = draw(st.sampled_from(["accuracy", "fluency", "stability", "cost"]))
    return asked, candidates, {"priority": priority, "selection": {"gates": gates}}


@settings(deadline=None, max_examples=inputs(60))
@given(worlds())
def test_whatever_is_missing_only_who_passes_every_gate_is_taken(
    world: tuple[QuestionSet, dict[str, Any], dict[str, Any]],
) -> None:
    found = select(*world)
    decision, n = found.decision, len(found.candidates)
    passing = {each.name for each in found.candidates if each.verdict.outcome is Outcome.PASS}
    assert set(decision.tied) <= passing
    assert decision.chosen in (*decision.tied, "")
    assert (decision.outcome == "choose") == (len(decision.tied) == 1)
    assert len(found.pairs) == n * (n - 1) // 2
    assert sum(decision.weights.values()) == pytest.approx(1)
    assert sum(found.dimension_weights.values()) == pytest.approx(1)
    for each in found.candidates:
        known = [item.value for item in each.items if not math.isnan(item.value)]
        assert not known or 0 <= each.measures["coverage"].value <= 1
        assert all(0 <= part <= 1 + 1e-9 for key, part in each.parts.items() if key != "cost")
        for estimate in (each.score, *each.dimensions.values()):
            assert math.isnan(estimate.lower) or 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1
    for pair in found.pairs:
        for difference in (pair.score, *pair.dimensions.values()):
            inside = -1 <= difference.lower <= difference.value <= difference.upper <= 1
            assert inside or math.isnan(difference.lower)
