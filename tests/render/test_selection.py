"""A selection in words: the decision first, why the others not, and no way out of a cell for what the data hold."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from mlflow_evalplus.render import selection, selection_candidate, selection_steps
from mlflow_evalplus.render import selection_pairs as between
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.results import (
    CandidateResult,
    Difference,
    Estimate,
    FailureCauses,
    Outcome,
    PairDifference,
    Sampling,
    Selection,
    Verdict,
)
from tests.generated import inputs
from tests.render import selections
from tests.render.test_markdown import HOSTILE, PARSER, tables

EVERY = {
    "choose": selections.selection, "tied": selections.tied, "undecided": selections.undecided,
    "none": lambda: selections.undecided("none"), "least": selections.least,
}  # fmt: skip


def candidate_pages(found: Selection, name: str) -> list[str]:
    one, asked = selection_candidate, selections.questions()
    return [
        one.summary(found, name), one.dimensions(found, name), one.slices(found, name),
        one.attribution(found, name, asked), one.cost_latency(found, name),
    ]  # fmt: skip


def read(text: str) -> dict[str, list[str]]:
    """Return the rows of every table of a page by their first cell."""
    return {row[0]: row[1:] for table in tables(text) for row in table[1:]}


@pytest.mark.parametrize(
    ("which", "opens", "mark"),
    [
        ("choose", "Take atlas-mini", "✔"), ("tied", "Take atlas-mini, tied with atlas-large", "≈"),
        ("none", "Take none: all 4 candidates fail a requirement", "✘"),
        ("undecided", "Undecided: no candidate is shown to meet the requirements", "?"),
        ("least", "Undecided: the candidate is not shown to meet the requirements", "?"),
    ],
)  # fmt: skip
def test_the_page_opens_with_the_decision(which: str, opens: str, mark: str) -> None:
    first, second, *_ = selection.page(EVERY[which]()).split("\n\n")
    assert first == f"## {mark} {opens}"
    assert second.startswith("**")


def test_a_tie_of_which_none_is_the_cheapest_is_no_choice() -> None:
    found = selections.tied()
    unchosen = replace(found, decision=replace(found.decision, chosen=""))
    assert words.headline(unchosen) == "2 candidates are tied"
    assert "Why not the others" not in selection.page(unchosen)
    assert "**atlas-large** meets every requirement" in selection.page(unchosen)
    assert words.subject(unchosen).name == "atlas-large"
    assert between.why_not(unchosen, "atlas-mini").startswith("not told apart: utility −0.012 [−0.045, +0.021]")


def test_what_it_costs_and_what_to_do_come_before_the_leaderboard() -> None:
    text = selection.page(selections.selection())
    order = [
        "Take atlas-mini", "1,000 questions cost USD 0.42", "**Next:**", "retrieve the text", "| candidate |",
        "Why not the others",
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_the_leaderboard_has_every_candidate_with_its_figures() -> None:
    found = selections.selection()
    rows = read(selection.page(found))
    assert list(rows) == ["★ atlas-mini", "borealis-7b", "atlas-large", "keyword-bot"]
    assert rows["atlas-large"][0] == "✔ pass"
    assert rows["atlas-large"][3:5] == ["USD 3.84", "2,310 ms"]
    assert rows["keyword-bot"][3:5] == ["USD 0.004", "3 ms"]


def test_why_not_names_a_failed_gate_before_the_utility_and_an_open_one_with_it() -> None:
    found = selections.selection()
    assert between.why_not(found, "keyword-bot").startswith("fails score at least 0.75 (0.358")
    assert between.why_not(found, "borealis-7b").startswith("not shown to meet score at least 0.75")
    assert "less useful: utility −0.126" in between.why_not(found, "borealis-7b")
    assert between.why_not(found, "atlas-large").startswith("less useful: utility −0.2")
    assert "about 740 questions" in between.why_not(selections.tied(), "atlas-large")


@settings(max_examples=inputs(60), deadline=None)
@given(st.floats(-1, 1).filter(bool), st.floats(0, 1), st.booleans())
def test_a_pair_means_the_same_whichever_way_it_was_taken(value: float, p_holm: float, turn: bool) -> None:
    gap = Difference(value, value - 0.1, value + 0.1, p_holm, 50)
    taken = PairDifference("atlas-mini", "atlas-large", gap, gap, p_holm, {"policy": gap}, 900)
    base = selections.selection()
    found = replace(base, pairs=(between.turned(taken) if turn else taken,))
    pair = between.against(found, "atlas-large", "atlas-mini")
    assert pair is not None
    assert (pair.a, pair.b) == ("atlas-large", "atlas-mini")
    assert pair.utility.value == pytest.approx(-value)
    assert (pair.utility.lower, pair.utility.upper) == pytest.approx((-value - 0.1, -value + 0.1))
    assert pair.dimensions["policy"].value == pytest.approx(-value)
    said, level = between.why_not(found, "atlas-large"), 1 - found.confidence  # 0.05 is below it by a rounding error
    assert said.startswith("not told apart" if p_holm >= level else "more useful" if value < 0 else "less useful")
    assert ("about 900 questions" in said) == (p_holm >= level)


def test_what_to_do_names_the_costliest_cause_the_weak_tags_and_the_questions_needed() -> None:
    said = " ".join(selection_steps.steps(selections.tied()))
    assert "about 740 in all would decide between them at the present values; there are 120" in said
    assert "atlas-mini: 1 of 120 answers never came (timeout 1; “no answer within 30 s”). Raise its" in said
    advice = selection_steps.advice(selections.selection()["borealis-7b"])
    assert advice[0].startswith("borealis-7b: language costs most, 31 % of its lost points. Tell it in")
    assert "skill=multi-step (−16.2 points)" in advice[1]
    assert "about 2,400 in all would decide what is open" in selection_steps.steps(selections.undecided())[0]
    assert "misses score at least 0.97: 0.900" in selection_steps.steps(selections.undecided("none"))[0]
    assert selection_steps.steps(selections.least()) == ["Ask the questions: nothing was answered yet."]


def test_answers_that_came_and_that_nobody_scored_are_told_apart_from_those_that_never_came() -> None:
    found = selections.selection()
    one = found["keyword-bot"]
    unjudged = tuple(
        replace(item, scores=(replace(item.scores[0], value=math.nan, status="missing"),)) if number < 12 else item
        for number, item in enumerate(one.items)
    )
    others = tuple(replace(c, items=unjudged) if c is one else c for c in found.candidates)
    said = selection_steps.steps(replace(found, candidates=others))
    told = [step for step in said if "could not be scored" in step]
    assert told == ["keyword-bot: 12 of 118 answers could not be scored: no judge gave a usable verdict."]
    assert not [step for step in selection_steps.steps(found) if "could not be scored" in step]


def test_what_to_do_names_every_candidate_whose_answers_never_came_with_the_error_and_its_remedy() -> None:
    """A wrong key or a server that is down is no verdict on a model: it has to be told, of the others too."""
    found = selections.selection()
    name, said = "keyword-bot", "Incorrect API key"
    bad = found[name]
    refused = tuple(
        replace(item, answers=(replace(item.answers[0], text=None, error="authentication", message=said),))
        for item in bad.items
    )
    spent = replace(bad.spending, n_errors=120, errors={"authentication": 120})
    rows = tuple(replace(row, cause="call_error") for row in bad.causes.rows)
    down = replace(bad, items=refused, spending=spent, causes=replace(bad.causes, rows=rows))
    others = tuple(down if c.name == name else c for c in found.candidates)
    told = f"{name}: 120 of 120 answers never came (refused key 120; “{said}”). See that its key is right, then run it"
    assert any(step.startswith(told) for step in selection_steps.steps(replace(found, candidates=others)))
    assert selection_steps.advice(down)[0].startswith(told)
    assert not any("timeout" in step for step in selection_steps.advice(down))


def test_questions_of_which_nobody_asked_why_are_no_passed_ones() -> None:
    found = selections.selection()
    silent = tuple(replace(c, causes=FailureCauses((), ())) for c in found.candidates)
    asked = replace(found, candidates=silent)
    n = sum(not item.passed for item in asked["keyword-bot"].items)
    assert f"keyword-bot: {n} questions failed, and why was not asked." in selection_steps.advice(asked["keyword-bot"])
    assert not any("every question is passed" in step for step in selection_steps.steps(asked))
    text = selection_candidate.attribution(asked, "keyword-bot", selections.questions())
    assert "why was not asked" in text
    assert "No question is failed" not in text


def test_the_one_at_the_top_is_not_held_against_itself() -> None:
    found = selections.undecided()
    assert between.why_not(found, words.subject(found).name).startswith("not shown to meet score at least 0.97 (")
    assert "compared" not in between.why_not(found, words.subject(found).name)
    assert "compared" not in selection.page(selections.undecided())


def test_an_interval_that_excludes_0_and_is_not_told_apart_says_that_pairs_are_corrected_for() -> None:
    gap = Difference(-0.488, -0.770, -0.198, 0.013, 30)
    taken = PairDifference("atlas-mini", "atlas-large", between.reversed_difference(gap), gap, 0.079, {}, 46)
    found = replace(selections.selection(), pairs=(replace(taken, utility=between.reversed_difference(gap)),))
    said = between.why_not(found, "atlas-large")
    assert "not told apart: utility −0.488 [−0.770, −0.198] against atlas-mini; over all pairs that may be" in said
    assert "may be chance" not in between.why_not(selections.tied(), "atlas-large")


def test_a_candidate_that_says_nothing_is_told_of() -> None:
    best = selections.selection()["atlas-mini"]
    silent = replace(best, measures={**best.measures, "no_answer_rate": Estimate(1.0, 0.9, 1.0, 120)})
    assert "atlas-mini: 100 % of its texts hold no answer at all; read some of them." in selection_steps.advice(silent)
    assert not any("no answer at all" in step for step in selection_steps.advice(best))


def test_a_candidate_of_recorded_answers_is_not_said_to_have_been_asked_again() -> None:
    """Nothing was tried, so 'unexplained' is no finding, and fine-tuning no advice."""
    one = selections.selection()["keyword-bot"]
    cause = tuple(replace(c, cause="unexplained", tried=()) for c in one.causes.items)
    rows = tuple(replace(row, cause="unexplained") for row in one.causes.overall[:1])
    said = selection_steps.advice(replace(one, causes=FailureCauses(cause, rows)))[0]
    assert "None of these questions could be asked again" in said
    assert "fine-tune" not in said


def test_judges_whose_verdicts_are_mostly_unusable_are_told_of() -> None:
    found = selections.selection()
    assert found.judging is not None
    assert not any("judges" in step for step in selection_steps.steps(found))
    poor = replace(found, judging=replace(found.judging, n_verdicts=48, n_unusable=30))
    assert "Look at the judges: 30 of 48 verdicts are unusable, and so missing." in selection_steps.steps(poor)


def test_of_two_that_fail_it_says_both() -> None:
    found = selections.undecided("none")
    assert words.headline(replace(found, candidates=found.candidates[:2])) == (
        "Take none: both candidates fail a requirement"
    )


def test_where_a_place_is_short_of_questions_it_is_there_that_they_are_added() -> None:
    """101 more questions of policy decide it; four times as many of everything would too, but nobody wants that."""
    found = selections.undecided()
    plan = (Sampling("policy", 101, "Ask about 101 more questions of policy, to decide “score in policy”."),)
    planned = tuple(replace(c, verdict=replace(c.verdict, plan=plan)) for c in found.candidates)
    said = selection_steps.steps(replace(found, candidates=planned))
    assert said[0] == plan[0].text
    assert not any("in all" in step for step in said)


@pytest.mark.parametrize("which", EVERY)
def test_a_percent_sign_stands_apart(which: str) -> None:
    found = EVERY[which]()
    texts = [selection.page(found), selection.leaderboard(found), *selection_steps.steps(found), words.priority(found)]
    for each in found.candidates:
        texts += candidate_pages(found, each.name)
    assert not re.search(r"\d%", "\n".join(texts))


def test_a_plan_of_the_verdict_is_what_to_do_where_no_number_of_questions_is_known() -> None:
    found = selections.undecided()
    plan = (Sampling("policy", 310, "Ask about 310 more questions of policy, to decide “score”."),)
    planned = tuple(replace(c, verdict=replace(c.verdict, plan=plan)) for c in found.candidates)
    unknown = replace(found, candidates=planned, decision=replace(found.decision, n_needed=None))
    assert selection_steps.steps(unknown)[0] == plan[0].text


def test_the_reason_does_not_say_again_what_the_headline_says() -> None:
    for found in (selections.selection(), selections.tied(), selections.undecided("none")):
        assert found.decision.reason.startswith("Take")
        assert not words.reason(found).startswith("Take")
        assert words.reason(found)[0].isupper()


def test_the_leaderboard_page_has_dimensions_pairs_and_judges() -> None:
    rows = read(selection.leaderboard(selections.tied()))
    assert rows["policy (24; 30 %)"][1].startswith("0.870 [0.732")
    assert rows["atlas-mini less atlas-large"][-3:] == ["1.000", "no", "740"]
    assert rows["atlas-mini less keyword-bot"][-2:] == ["yes", ""]
    text = selection.leaderboard(selections.tied())
    assert "288 verdicts, 7 of them unusable" in text
    assert "Bradley–Terry" in text
    bare = replace(selections.tied(), ranking=(), judging=None, pairs=())
    assert "Bradley" not in selection.leaderboard(bare)


def test_candidates_stand_side_by_side_in_the_same_rows() -> None:
    """MLflow's compare page sets them beside each other: two columns, and the same figures in the same order."""
    found = selections.selection()
    first, *others = [tables(selection_candidate.summary(found, name))[0] for name in selections.NAMES]
    assert all([row[0] for row in other] == [row[0] for row in first] for other in others)
    for name in selections.NAMES:
        for page in candidate_pages(found, name):
            assert {len(row) for table in tables(page) for row in table} <= {2}


def test_the_candidates_pages_hold_its_figures() -> None:
    found = selections.selection()
    summary, dimensions, slices, attribution, cost = candidate_pages(found, "borealis-7b")
    assert summary.startswith("## ? undecided\n")
    assert selection_candidate.summary(found, "atlas-mini").startswith("## ✔ pass, chosen\n")
    assert read(summary)["score"] == ["0.722 [0.630, 0.794]"]
    assert "Not to take: not shown to meet" in summary
    assert read(dimensions)["policy"] == ["−20.3 [−31.3, −9.3]"]
    assert "**1 of 4 values is weak**" in slices
    assert read(slices)["multi-step (79)"][0].endswith("◆")
    own = read(attribution)
    assert own["language / policy / zh"] == ["3, 8 %"]
    assert own["q020-en: How many days after delivery may order 120 be returned?"] == ["14 days"]
    assert read(cost)["answers that never came"] == ["2 of 120: timeout 2"]
    assert read(cost)["calls at once"] == ["16"]


def test_shares_of_the_causes_sum_to_1() -> None:
    for name in selections.NAMES:
        candidate = selections.selection()[name]
        assert sum(words.lost(candidate, cause) for cause in words.CAUSE_WORDS) == pytest.approx(1)


def test_an_answer_that_is_shown_is_one_that_fails() -> None:
    item = selections.selection()["atlas-mini"].items[0]
    right, wrong = replace(item.scores[0], passed=True), replace(item.scores[0], passed=False)
    second = replace(item.answers[0], repeat=1)
    both = replace(item, answers=(item.answers[0], second), scores=(right, wrong))
    assert words.failing(both) == (second, wrong)
    assert words.failing(replace(both, scores=(right, right)))[0] == item.answers[0]


@pytest.mark.parametrize("which", list(EVERY))
def test_every_page_is_whole_whatever_is_known(which: str) -> None:
    found = EVERY[which]()
    written = [selection.page(found), selection.leaderboard(found), selection.description(found)]
    for candidate in found.candidates:
        written += [*candidate_pages(found, candidate.name), selection_candidate.description(found, candidate.name)]
    for text in written:
        assert text
        assert "nan" not in text
        assert "None of" in text or "None" not in text
        for table in tables(text):
            assert len({len(row) for row in table}) == 1


def test_long_lists_are_cut_and_say_where_the_rest_is() -> None:
    found = selections.selection()
    many: tuple[CandidateResult, ...] = tuple(
        replace(found.candidates[0], name=f"model-{place:03} {'x' * 80}") for place in range(60)
    )
    wide = replace(found, candidates=many, pairs=found.pairs * 10)
    wide = replace(wide, decision=replace(found.decision, chosen=many[0].name))
    text = selection.page(wide)
    assert "… 40 more in `evalplus/leaderboard.json`." in text
    assert "… 40 more in `evalplus/pairs.json`." in selection.leaderboard(wide)
    assert len(selection.description(wide)) < 8_000
    noted = replace(wide, notes=("a note " * 80,) * 20)
    assert len(selection.description(noted)) < 8_000
    assert selection.description(noted).endswith("… the rest is in `evalplus_summary.md`.")


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_nothing_of_the_data_is_markup(text: str) -> None:
    found, asked = selections.spoilt(text)
    written = [selection.page(found), selection.leaderboard(found)]
    written += [selection_candidate.summary(found, text), selection_candidate.dimensions(found, text),
                selection_candidate.slices(found, text), selection_candidate.attribution(found, text, asked),
                selection_candidate.cost_latency(found, text)]  # fmt: skip
    for page in written:
        assert "<" not in page.replace("q < 0.05", "")
        for token in PARSER.parse(page):
            assert token.type not in ("html_block", "fence", "code_block", "hr")
            assert {child.type for child in token.children or ()} <= {"text", "strong_open", "strong_close"}


def printed(found: Selection) -> str:
    console = Console(width=160, force_terminal=False)
    with console.capture() as captured:
        for part in selection.terminal(found):
            console.print(part)
    return captured.get()


def test_the_terminal_ends_with_the_decision_and_what_to_do() -> None:
    text = printed(selections.selection())
    assert text.index("★ atlas-mini") < text.index("lost points by cause") < text.index("✔ Take atlas-mini")
    assert "retrieve the text" in text
    for which in EVERY.values():
        assert "nan" not in printed(which())


def test_the_terminal_shows_hostile_names_as_text() -> None:
    assert "\x1b" not in printed(selections.spoilt("\x1b[31m[bold]red\x00")[0])
    assert "[bold]red" in printed(selections.spoilt("\x1b[31m[bold]red\x00")[0])


def test_a_candidate_without_gates_has_no_table_of_requirements() -> None:
    found = selections.selection()
    free = tuple(replace(c, verdict=Verdict(Outcome.UNDECIDED, ())) for c in found.candidates)
    text = selection_candidate.summary(replace(found, candidates=free), "atlas-mini")
    assert "### Requirements" not in text


def test_money_and_time_are_written_for_people() -> None:
    assert words.money(0.0084, "USD") == "USD 0.0084"
    assert words.milliseconds(math.inf) == "inf s"
