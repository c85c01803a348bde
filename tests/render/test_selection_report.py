"""The HTML pages of a selection: what they say is right, nothing of the data is markup, and they stay small."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cache
from math import hypot, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.selection.failure_rows import ACTIONS
from mlflow_evalplus.render import selection_charts, selection_failed, selection_report
from mlflow_evalplus.results import Estimate, FailureCauses, Selection
from mlflow_evalplus.results.answers import Answer, Score
from tests.generated import inputs
from tests.render import selections
from tests.render.test_comparison_report import Parsed
from tests.render.test_markdown import HOSTILE

SECTIONS = {
    "next", "leaderboard", "requirements", "dimensions", "cost", "pairs", "causes", "tags", "failed", "judges", "notes",
}  # fmt: skip


def parsed(found: Selection, questions: QuestionSet | None = None) -> Parsed:
    return Parsed(selection_report.page(found, questions or selections.questions()))


def own(name: str) -> Parsed:
    return Parsed(selection_report.candidate_page(selections.selection(), name, selections.questions()))


def test_every_section_is_there_where_it_has_something_to_say() -> None:
    whole, least = parsed(selections.selection()), parsed(selections.least())
    assert whole.ids >= SECTIONS
    assert least.ids & SECTIONS == {"next", "leaderboard", "dimensions", "cost"}
    assert own("atlas-mini").ids & SECTIONS == SECTIONS - {"leaderboard", "judges", "notes"}
    for page in (whole, least, own("atlas-mini")):
        linked = {str(given["href"]).removeprefix("#") for tag, given in page.elements if tag == "a"}
        assert linked == page.ids & SECTIONS


@pytest.mark.parametrize(
    ("found", "title"),
    [
        (selections.selection(), "✔ Take atlas-mini"),
        (selections.tied(), "≈ Take atlas-mini, tied with atlas-large"),
        (selections.undecided("none"), "✘ Take none: all 4 candidates fail a requirement"),
        (selections.undecided(), "? Undecided: no candidate is shown to meet the requirements"),
    ],
    ids=["choose", "tied", "none", "undecided"],
)
def test_the_title_is_the_decision(found: Selection, title: str) -> None:
    text = selection_report.page(found, selections.questions(), "spring")
    (heading,) = re.findall(r"<h1.*?>(.*?)</h1>", text, re.DOTALL)
    assert re.sub("<.*?>", "", heading) == title
    assert f"<title>{title} · spring</title>" in text


def test_the_tables_hold_the_figures() -> None:
    page = parsed(selections.selection())
    board = page.table("The most useful first")
    assert [row[0] for row in board[1:]] == ["atlas-mini ★ take", "borealis-7b", "atlas-large", "keyword-bot"]
    assert board[2][1:] == [
        "? undecided", "", "0.722 [0.630, 0.794]", "0.753", "USD 0.07", "610 ms", "98.3 %",
    ]  # fmt: skip
    gates = {row[0]: row[1:] for row in page.table("Each is held")}
    assert gates["score at least 0.75"][3] == "✘ fail0.358 [0.238, 0.406]"
    assert {row[0]: row[1] for row in page.table("What the answers cost")}["1,000 questions"] == "USD 0.42"
    pairs = {row[0]: row[2:] for row in page.table("The first less")}
    assert pairs["atlas-mini less borealis-7b"] == [
        "+0.126 [+0.076, +0.176]", "+20.9 [+14.9, +26.9]", "0.001", "yes", "–",
    ]  # fmt: skip
    weak = page.table("Those that are weak")[1]
    assert (weak[0], weak[2]) == ("skill=multi-step 79", "0.658 ◆ weak0.554 to 0.763")


def test_the_causes_of_a_candidate_are_a_table_with_what_to_do_and_a_heat_map() -> None:
    page = own("borealis-7b")
    causes = page.table("What borealis-7b loses")
    told = "language its twin in the other language is right"
    assert causes[1] == [told, "31 %", "11", ACTIONS["language"]]
    heat = page.table("Where: share of the lost points")
    assert heat[0] == ["cause", "policy", "calculation", "extraction", "routing", "writing"]
    assert heat[1] == ["en", "zh"] * 5
    assert heat[2] == ["language", "", "8 %", "", "8 %", "", "3 %", "", "3 %", "", "8 %"]


def test_a_candidates_report_takes_its_own_side() -> None:
    text = selection_report.candidate_page(selections.selection(), "borealis-7b", selections.questions(), "b")
    assert "<bdi>borealis-7b</bdi> is undecided</h1>" in text
    assert "Not to take: not shown to meet score at least 0.75" in text
    pairs = {row[0]: row[2] for row in Parsed(text).table("The first less")[1:]}
    assert pairs["borealis-7b less atlas-mini"] == "−0.126 [−0.176, −0.076]"
    assert set(pairs) == {f"borealis-7b less {name}" for name in selections.NAMES if name != "borealis-7b"}
    assert "is the one to take" in selection_report.candidate_page(
        selections.selection(), "atlas-mini", selections.questions()
    )


def test_every_failed_question_can_be_opened_once() -> None:
    found = selections.selection()
    page = parsed(found)
    failed = {cause.question for candidate in found.candidates for cause in candidate.causes.items}
    rows = page.table("Failed questions")[1:]
    assert len(rows) == len(failed)
    first = next(row for row in rows if row[0].startswith("q001-en"))
    for part in ("A loan of 101,000", "right101,000 × 1.06", "101,600", "passes when asked step by step",
                 "step by step: 101,000 × 1.06", "not tried: with the context given"):  # fmt: skip
        assert part in first[1]
    assert first[2].startswith("atlas-mini reasoning")


def test_an_answer_that_never_came_says_why() -> None:
    rows = own("atlas-mini").table("Failed questions")
    assert any("(timeout: no answer within 30 s)" in row[1] for row in rows)


def test_numbers_have_one_minus_sign() -> None:
    text = re.sub(r"<(style|script|svg).*?</\1>", "", selection_report.page(selections.tied(), selections.questions()),
                  flags=re.DOTALL)  # fmt: skip
    assert not re.search(r"(?<![\w.])-\d+\.\d", text)


@settings(max_examples=inputs(60), deadline=None)
@given(st.integers(0, 3), st.integers(2_000, 60_000))
def test_the_list_of_failed_questions_keeps_to_its_budget(first: int, max_bytes: int) -> None:
    """Whatever the budget, each candidate's count is what is listed, and the first candidate's come first."""
    found, asked = selections.selection(), selections.questions()
    order = [found.candidates[first], *(c for place, c in enumerate(found.candidates) if place != first)]
    listing = selection_failed.listing(order, asked, max_bytes)
    causes = {c.name: {cause.question for cause in c.causes.items} for c in order}
    assert listing.n == len(set().union(*causes.values()))
    assert sum(map(selection_failed._size, listing.rows)) <= max_bytes
    by = [(row.name, failed.candidate) for row in listing.rows for failed in row.by]
    assert all(name in causes[candidate] for name, candidate in by)
    assert len(set(by)) == len(by)
    leading = [order[0].name in {failed.candidate for failed in row.by} for row in listing.rows]
    assert leading == sorted(leading, reverse=True)


@pytest.mark.slow
def test_of_one_candidate_at_most_300_failed_questions_are_listed_and_it_is_said() -> None:
    found, asked = selections.selection(5000), selections.questions(5000)
    listing = selection_failed.listing([found["keyword-bot"]], asked, 10**9)
    assert len(listing.rows) == 300
    assert listing.n > 2500
    text = selection_report.candidate_page(found, "keyword-bot", asked)
    assert f"300 of {listing.n:,} failed questions" in text
    assert "evalplus/failed_questions.json" in text


def test_thousands_of_questions_and_many_candidates_stay_one_light_page() -> None:
    found, asked = selections.selection(5000), selections.questions(5000)
    many = tuple(replace(c, name=f"{c.name}-{place}") for place in range(10) for c in found.candidates)
    decision = replace(found.decision, chosen=many[-1].name, tied=(many[-1].name,))
    text = selection_report.page(replace(found, candidates=many, decision=decision), asked)
    assert len(text.encode()) < 1_000_000
    page = Parsed(text)
    board = page.table("The most useful first")
    assert len(board) == 1 + 25
    assert board[-1][0] == f"{many[-1].name} ★ take"
    assert "15 more candidates are in" in text


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_every_score_lies_on_its_axis(values: list[float]) -> None:
    ticks = selection_charts.score_axis(Estimate(v, max(v - 0.1, 0), min(v + 0.05, 1), 10) for v in values)
    assert ticks[0] <= min(max(v - 0.1, 0) for v in values) + 1e-9
    assert ticks[-1] == 1
    assert len(ticks) >= 2


@given(st.lists(st.floats(0, 1), min_size=3, max_size=12))
def test_a_corner_of_the_radar_is_as_far_out_as_its_score(values: list[float]) -> None:
    base = selections.selection().candidates[0]
    dimensions = {f"d{place}": Estimate(value, value, value, 5) for place, value in enumerate(values)}
    found = replace(selections.selection(), dimension_weights=dict.fromkeys(dimensions, 1 / len(values)))
    radar = selection_charts.radar(found, [replace(base, dimensions=dimensions)])
    assert radar is not None
    ((_, corners),) = radar.polygons
    out = [hypot(*map(float, corner.split(","))) / selection_charts.RADIUS for corner in corners.split()]
    assert out == pytest.approx(values, abs=0.002)


def test_a_radar_needs_three_to_twelve_dimensions_and_all_scores() -> None:
    found = selections.selection()
    for n in (0, 2, 13):
        weights = {f"d{place}": 1.0 for place in range(n)}
        assert selection_charts.radar(replace(found, dimension_weights=weights), found.candidates) is None
    unknown = Estimate(nan, nan, nan, 0)
    gap = replace(found.candidates[0], dimensions=found.candidates[0].dimensions | {"policy": unknown})
    radar = selection_charts.radar(found, (gap, *found.candidates[1:]))
    assert radar is not None
    assert gap.name not in {name for name, _ in radar.polygons}


def test_the_bars_of_the_causes_are_as_long_as_what_is_lost() -> None:
    found = selections.selection()
    bars = selection_charts.causes(found.candidates, 120.0)
    lost = [sum(cause.lost for cause in candidate.causes.items) for candidate in found.candidates]
    for bar, own_lost in zip(bars, lost, strict=True):
        assert bar.lost == pytest.approx(own_lost / 120)
        assert sum(part.width for part in bar.segments) == pytest.approx(own_lost / max(lost))
        ends = [part.left + part.width for part in bar.segments]
        assert [part.left for part in bar.segments] == pytest.approx([0.0, *ends[:-1]])


def test_the_cells_of_a_heat_map_sum_to_1() -> None:
    for candidate in selections.selection().candidates:
        heat = selection_charts.heat(candidate)
        assert heat is not None
        assert sum(cell.share for _, row in heat.rows for cell in row if cell) == pytest.approx(1)
        assert sum(n for _, n in heat.groups) == len(heat.columns)
    assert selection_charts.heat(selections.least().candidates[0]) is None


@cache
def shapes_of_plain_names() -> list[list[str]]:
    return [[tag for tag, _ in page.elements if tag != "wbr"] for page in spoilt("plain")]


def spoilt(text: str) -> list[Parsed]:
    found, asked = selections.spoilt(text)
    written = [selection_report.page(found, asked, text), selection_report.candidate_page(found, text, asked, text)]
    return list(map(Parsed, written))


@pytest.mark.parametrize("text", [text for text in HOSTILE if text][::2])
def test_nothing_of_the_data_is_markup(text: str) -> None:
    for page, shape in zip(spoilt(text), shapes_of_plain_names(), strict=True):
        assert [tag for tag, _ in page.elements if tag != "wbr"] == shape
        values = {str(value) for tag, given in page.elements if tag != "meta" for value in given.values()}
        assert not {value for value in values if value.startswith(("http", "javascript"))}
        classes = {word for _, given in page.elements for word in str(given.get("class") or "").split()}
        assert text not in classes


def test_what_was_not_tried_is_told_by_its_reason_and_in_words() -> None:
    """Recorded answers have no others: the same reason three times, with the variants' keys, was unreadable."""
    one = replace(selections.selection()["keyword-bot"])
    none = "no answer is recorded"
    untried = tuple(f"{variant}: {none}" for variant in ("again", "context", "steps"))
    first = replace(one.causes.items[0], untried=("twin: there is none", *untried))
    silent = replace(one, causes=FailureCauses((first,), one.causes.rows))
    (row,) = selection_failed.listing([silent], selections.questions()).rows
    expected = f"twin (there is none); the same once more, with the context given, step by step ({none})"
    assert row.by[0].untried == expected


def test_what_the_scorer_read_is_said_once() -> None:
    answer = Answer("m", "q", text="The cashier.")
    score = Score(0.0, passed=False, status="wrong", extracted="cashier", why="reads 'cashier'")
    assert selection_failed._answered(answer, score) == ("The cashier.", "wrong; reads 'cashier'")
    assert selection_failed._answered(answer, replace(score, why=""))[1] == "wrong; read as “cashier”"


def test_a_bound_that_is_not_known_is_no_dash() -> None:
    best = selections.selection()["atlas-mini"]
    p95 = Estimate(852.0, 439.0, math.inf, 32)
    few = replace(best, spending=replace(best.spending, latency_ms={"p95": p95}),
                  dimensions={**best.dimensions, "writing": Estimate(0.1, math.nan, math.nan, 2)})  # fmt: skip
    figures = list(selection_report._key_figures(few))
    assert ("852 ms", "latency p95", "at least 439 ms") in figures
    assert figures[-1][1:] == ("weakest: writing", "")
    assert not any("–" in part for figure in figures for part in figure)


def test_one_candidate_alone_stands_against_nobody() -> None:
    found = selections.undecided()
    lone = replace(found, candidates=found.candidates[:1], pairs=())
    text = selection_report.page(lone, selections.questions())
    assert "Where each of them stands" not in text
    assert "Undecided: the candidate is not shown to meet" in text


def test_the_tags_that_there_are_are_named() -> None:
    text = selection_report.page(selections.selection(), selections.questions())
    assert "Score by <bdi>language, skill</bdi>." in text
