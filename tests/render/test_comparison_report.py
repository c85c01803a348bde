"""The comparison as one page: what it says is right, nothing of the data is markup, and it stays small."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.changes import changes
from mlflow_evalplus.core.choice import choose
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.decision import decide
from mlflow_evalplus.core.difference import split_difference
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.core.family import family
from mlflow_evalplus.core.pareto import front
from mlflow_evalplus.render import comparison_report
from mlflow_evalplus.results import Estimate, Evaluation, Gate, Latency, Outcome, Verdict
from mlflow_evalplus.results.side_by_side import Iteration, SideBySide
from tests.render.test_markdown import HOSTILE

SECTIONS = ("requirements", "differences", "figures", "cost", "slices", "why", "rows", "history", "notes")
ASKED = {
    "slices": ["channel"],
    "thresholds": [
        {"metric": "accuracy", "min": 0.8}, {"metric": "accuracy", "every": "channel", "min": 0.8},
        {"metric": "f1_macro", "not_worse_than": "baseline", "margin": 0.01},
    ],
    "error_costs": {"no": {"yes": 5}},
}  # fmt: skip


class Parsed(HTMLParser):
    """The elements of a page, with their attributes, and the text of every table's rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[dict[str, Any]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "table":
            self.tables.append({"caption": "", "rows": [], "headers": []})
        elif tag == "tr" and self.tables:
            self.tables[-1]["rows"].append([])
        elif tag in ("th", "td"):
            self.tables[-1]["rows"][-1].append("")
            self.tables[-1]["headers"] += [dict(attrs).get("scope")] if tag == "th" else []

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self.tables[-1]["caption"] += data
        elif ("td" in self.open or "th" in self.open) and "svg" not in self.open:
            self.tables[-1]["rows"][-1][-1] += data

    @property
    def ids(self) -> set[str]:
        return {str(given["id"]) for _, given in self.elements if "id" in given}

    def table(self, beginning: str) -> list[list[str]]:
        """Return the rows of the table whose caption begins so."""
        (found,) = (table for table in self.tables if table["caption"].strip().startswith(beginning))
        return [[" ".join(cell.split()) for cell in row] for row in found["rows"]]


def rows(n: int = 400, seed: int = 0, text: Sequence[str] = ()) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "id": [f"m{i}" for i in range(n)], "label": rng.choice(["no", "yes"], n),
        "text": np.resize(np.array(text, dtype=object), n) if len(text) else [f"message {i}" for i in range(n)],
        "channel": rng.choice(["app", "web"], n),
    })  # fmt: skip


def answered(frame: pd.DataFrame, wrong: float, seed: int, web: float = 0.0, **options: Any) -> Evaluation:
    """Return an evaluation in which a share of the answers is wrong, and so many more in the channel web."""
    rng = np.random.default_rng(seed)
    first, *_ = labels = sorted(frame["label"].unique())
    spoilt = rng.random(len(frame)) < wrong + web * (frame.iloc[:, 3] == frame.iloc[0, 3])
    prediction = np.where(spoilt, frame["label"].map(lambda x: first if x != first else labels[-1]), frame["label"])
    return evaluate(frame.assign(prediction=prediction), example_id="id", text="text", **options)


def beside(evaluations: dict[str, Evaluation], **more: Any) -> SideBySide:
    """Compare evaluations with the first, as ``tracking.series`` does."""
    base = next(iter(evaluations))
    comparisons = {
        name: compare_evaluations(e, evaluations[base], names=(name, base))
        for name, e in evaluations.items()
        if name != base
    }
    decided = {name: replace(e, verdict=decide(e, comparison=comparisons.get(name))) for name, e in evaluations.items()}
    choice = choose(decided)
    winner = choice.winner
    other = base if winner != base else next((name for name in decided if name != winner), None)
    return SideBySide(
        evaluations=decided, comparisons=comparisons, baseline=base, winner=winner, reason=choice.reason,
        choice=choice, family=family(decided, comparisons),
        difference=split_difference(decided[winner], decided[other], names=(winner, other)) if other else None,
        changes={name: changes(decided[name], decided[base]) for name in comparisons}, front=front(decided), **more,
    )  # fmt: skip


def timed(evaluation: Evaluation, p95: float) -> Evaluation:
    single = {"latency_ms_p95": Estimate(p95, 0.9 * p95, 1.1 * p95, 200)}
    return replace(evaluation, latency=Latency(single, evaluation.n, 1.0, "a machine"))


def iterations(*verdicts: Outcome) -> tuple[Iteration, ...]:
    return tuple(
        Iteration(
            f"run {i}", datetime(2026, 1, 1 + i, tzinfo=timezone.utc), Estimate(0.8, 0.7, 0.9, 400), verdict, i > 1
        )
        for i, verdict in enumerate(verdicts)
    )


@pytest.fixture(scope="module")
def three() -> SideBySide:
    """Return a baseline, a run that mends the channel web, and one that is worse; with all that a page can show."""
    frame = rows()
    asked = {"requirements": ASKED}
    runs = {
        "old": timed(answered(frame, 0.1, 1, web=0.3, **asked), 10.0),
        "new": timed(answered(frame, 0.05, 2, **asked), 20.0),
        "worse": timed(answered(frame, 0.6, 3, **asked), 30.0),
    }
    return beside(runs, history=iterations(*Outcome), notes=("Latency is not comparable.",))


def test_the_verdict_is_the_title(three: SideBySide) -> None:
    page = comparison_report.page(three)
    assert re.search(r"<h1.*✔.*<bdi>new</bdi> is cleared for launch</h1>", page)
    assert "The only one that passes (accuracy" in page
    failing = beside({"a": answered(rows(), 0.5, 1, requirements=ASKED)})
    assert re.search(r"<h1.*✘.*<bdi>a</bdi> is not cleared for launch</h1>", comparison_report.page(failing))


def test_every_section_that_has_content_is_there_in_order_and_listed(three: SideBySide) -> None:
    page = comparison_report.page(three)
    assert re.findall(r'<section id="(\w+)"', page) == list(SECTIONS)
    assert re.findall(r'<li><a href="#(\w+)"', page) == list(SECTIONS)


def test_requirements_are_rows_and_runs_are_columns_the_winner_first(three: SideBySide) -> None:
    header, verdicts, *gates = Parsed(comparison_report.page(three)).table("Each requirement")
    assert header == ["requirement", "new ★", "old", "worse"]
    assert verdicts == ["verdict", "✔ pass", "✘ fail", "✘ fail"]
    assert len(gates) == 4
    found = three.evaluations["old"].verdict.gates
    for row, gate in zip(gates, found, strict=True):
        assert row[0] == gate.requirement
        assert row[2].startswith({"pass": "✔", "fail": "✘", "undecided": "?"}[gate.outcome.value])
        assert (f"{gate.estimate.value:.3f} [{gate.estimate.lower:.3f}" if gate.estimate else "not measured") in row[2]


def test_differences_are_paired_in_points_with_intervals_and_judged(three: SideBySide) -> None:
    read = Parsed(comparison_report.page(three))
    _, new, worse = read.table("Accuracy: difference")
    expected = three.comparisons["new"].metrics["accuracy"]
    assert new[0] == "new ★"
    assert new[2] == f"{100 * expected.value:+.1f} [{100 * expected.lower:+.1f}, {100 * expected.upper:+.1f}]"
    assert (new[-1], worse[-1]) == ("▲ better", "▼ worse")
    cost = {row[0]: row for row in read.table("Cost of errors")}
    assert (cost["new ★"][2][0], cost["new ★"][-1]) == ("−", "▲ better")  # less cost is better
    assert cost["worse"][-1] == "▼ worse"


def test_a_difference_whose_interval_holds_zero_is_open() -> None:
    frame = rows()
    found = beside({"a": answered(frame, 0.2, 1), "b": answered(frame, 0.2, 2)})
    assert Parsed(comparison_report.page(found)).table("Accuracy: difference")[1][-1] == "≈ open"


def test_the_front_is_marked_and_its_axis_says_what_the_cost_is(three: SideBySide) -> None:
    page = comparison_report.page(three)
    found = {row[0]: row[3] for row in Parsed(page).table("Accuracy against")}
    assert found == {"run": "on the front", "old": "◆ yes", "new ★": "◆ yes", "worse": "no"}
    assert "latency of one request, 95th percentile, in ms" in page
    assert page.count('class="front"') == 1


def test_slices_and_the_parts_of_the_difference_are_those_of_the_results(three: SideBySide) -> None:
    read = Parsed(comparison_report.page(three))
    expected = [row.name for row in three.comparisons["new"].slices if row.q_value < 0.05]
    assert sorted(row[0] for row in read.table("new ★: accuracy by slice")[1:]) == sorted(expected)
    assert three.difference is not None
    parts = {part.name: part for part in three.difference.parts}
    by_slice = read.table("By slice")[1:]
    assert {row[0] for row in by_slice} == {"channel=app", "channel=web"}
    for name, n, _, _, fixed, broken in by_slice:
        assert (n, fixed, broken) == tuple(str(x) for x in (parts[name].n, parts[name].fixed, parts[name].broken))


def test_rows_fixed_and_broken_are_counted_and_listed(three: SideBySide) -> None:
    read = Parsed(comparison_report.page(three))
    found = three.changes["new"]
    assert found.fixed > 20
    fixed = read.table("Fixed by new: 20 of")
    assert len(fixed) == 21
    first = found.fixed_rows[0]
    assert fixed[1] == [first.text, first.label, f"{first.baseline_answer} → {first.answer}",
                        f"channel={first.slices['channel']}, {first.example_id}"]  # fmt: skip
    assert len(read.table(f"Broken by new: {found.broken} of {found.broken} rows")) == found.broken + 1


def test_the_last_iterations_are_a_picture_and_a_table(three: SideBySide) -> None:
    page = comparison_report.page(three)
    found = Parsed(page).table("Accuracy of the last iterations")
    assert [row[3] for row in found] == ["verdict", "✔ pass", "✘ fail", "? undecided"]
    assert found[1][2] == "2026-01-01 00:00"
    assert page.count('class="cross"') == 1
    assert page.count("mark ring") == 1


def test_one_run_alone_still_makes_a_page() -> None:
    read = Parsed(comparison_report.page(beside({"only": answered(rows(), 0.2, 1)})))
    assert read.ids & set(SECTIONS) == {"figures"}
    assert read.tables[0]["rows"][0][1].strip() == "only ★"


def test_a_winning_baseline_makes_a_page() -> None:
    frame = rows()
    page = comparison_report.page(beside({"best": answered(frame, 0.05, 1), "worse": answered(frame, 0.4, 2)}))
    assert "<bdi>best</bdi> is not cleared" in page
    assert "points of accuracy against" not in page


def test_runs_asked_different_things_are_noted_and_notes_of_a_run_carry_its_name() -> None:
    frame = rows()
    runs = {
        "a": answered(frame, 0.1, 1, requirements={"thresholds": [{"metric": "accuracy", "min": 0.7}]}),
        "b": replace(answered(frame, 0.2, 2), notes=("Two rows were not answered.",)),
    }
    page = comparison_report.page(beside(runs))
    assert "different requirements" in page
    assert "<bdi>b</bdi>: Two rows were not answered." in page
    assert Parsed(page).table("Each requirement")[2][-1] == "–"


def test_every_table_has_a_caption_and_every_header_a_scope(three: SideBySide) -> None:
    read = Parsed(comparison_report.page(three))
    assert len(read.tables) > 8
    for table in read.tables:
        assert table["caption"].strip()
        assert set(table["headers"]) <= {"col", "row"}
        assert len({len(row) for row in table["rows"]}) == 1, table["caption"]


def test_nothing_is_loaded_stored_or_fetched(three: SideBySide) -> None:
    page = comparison_report.page(three)
    assert not re.search(r"https?://|localStorage|sessionStorage|fetch\(|XMLHttpRequest|@import|url\(", page)
    assert {tag for tag, _ in Parsed(page).elements} & {"img", "link", "iframe", "object", "form"} == set()


def hostile_beside() -> SideBySide:
    """Compare runs whose names, texts, labels, slice columns and values are all hostile."""
    texts = [text for text in HOSTILE if text]
    column = "col<i>umn</i>\"'\u202e\x00"
    frame = rows(600, text=HOSTILE)
    frame["label"] = np.resize(np.array(texts[:6], dtype=object), 600)
    frame = frame.rename(columns={"channel": column}).assign(**{column: np.resize(np.array(texts, dtype=object), 600)})
    gates = [{"metric": "accuracy", "every": column, "min": 0.8}]
    asked = {"requirements": {"slices": [column], "thresholds": gates}}
    runs = {
        name: answered(frame, wrong, seed, **asked)
        for seed, (name, wrong) in enumerate((("</title><script>alert(1)</script>", 0.5), ('"><b onclick=x>', 0.1),
                                              ("x" * 100_000, 0.3)))
    }  # fmt: skip
    found = beside(runs, notes=("<u>note</u>",))
    return replace(found, history=(*iterations(*Outcome), replace(iterations(Outcome.PASS)[0], name="<s>x</s>")))


def test_hostile_strings_are_shown_as_text(three: SideBySide) -> None:
    page = comparison_report.page(hostile_beside())
    read = Parsed(page)
    known = Parsed(comparison_report.page(three))
    assert {tag for tag, _ in read.elements} <= {tag for tag, _ in known.elements} | {"wbr"}
    attributes = {name for _, given in known.elements for name in given}
    assert {name for _, given in read.elements for name in given} <= attributes
    assert not re.search("[\x00\u202e\u2067\u2028]", page)
    assert "[U+202E]gnirts" in page
    assert "null␀byte" in page
    assert "x" * 1001 not in page
    assert len(page.encode()) < 500_000


def many(n_runs: int, n_gates: int, name: str = "") -> SideBySide:
    """Return a comparison of many runs: the same two evaluations under other names, accuracies and verdicts."""
    frame = rows(200)
    asked = {"requirements": {"thresholds": [{"metric": "accuracy", "min": 0.6}]}}
    old, new = (timed(answered(frame, wrong, 1, **asked), 9.0) for wrong in (0.5, 0.1))
    found = beside({"base": old, "new": new})
    outcomes = [Outcome.PASS, Outcome.PASS, Outcome.UNDECIDED, Outcome.FAIL]
    gates = tuple(Gate(f"accuracy at least 0.6 in shop={i}{name}", outcomes[i % 4], "why", Estimate(0.7, 0.6, 0.8, 50))
                  for i in range(n_gates))  # fmt: skip
    runs = {"base": old} | {
        f"run {i}{name}": replace(new, metrics=new.metrics | {"accuracy": Estimate(0.9 - i / 1000, 0.8, 0.95, 200)})
        for i in range(1, n_runs)
    }
    runs = {run: replace(e, verdict=Verdict(Outcome.FAIL, gates), notes=("Note.",)) for run, e in runs.items()}
    winner = f"run {n_runs - 1}{name}"  # the least accurate of them
    others = [run for run in runs if run != "base"]
    return replace(
        found, evaluations=runs, comparisons=dict.fromkeys(others, found.comparisons["new"]), winner=winner,
        changes=dict.fromkeys(others, found.changes["new"]), front=front(runs),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("n_runs", "n_gates"), [(25, 150), (400, 4)])
def test_many_runs_and_requirements_stay_under_half_a_megabyte(n_runs: int, n_gates: int) -> None:
    page = comparison_report.page(many(n_runs, n_gates))
    assert len(page.encode()) < 500_000
    assert f"Comparison of {n_runs} runs" in page
    header, _, *gates = Parsed(page).table("Each requirement")
    shown = f"{len(gates)} of {n_gates} requirements are shown, those that the choice fails first"
    assert (shown in page) == (len(gates) < n_gates)
    assert len(gates) >= min(n_gates, 20)
    marks = [row[1][0] for row in gates]
    assert marks == sorted(marks, key="✘?✔".index)
    runs = len(header) - 1
    assert header[1:3] == [f"run {n_runs - 1} ★", "base"]
    assert header[3:] == [f"run {i}" for i in range(1, n_runs - 1)][: runs - 2]
    assert (f"{runs} of {n_runs} runs are shown: the choice, the baseline and the most accurate" in page) == (
        runs < n_runs
    )
    assert runs >= 20


def test_nothing_is_left_out_where_there_is_room() -> None:
    page = comparison_report.page(many(4, 30))
    assert len(Parsed(page).table("Each requirement")) == 32
    assert not re.search(r"\d+ of \d+ (requirements|runs|notes) are shown", page)


@pytest.mark.slow
def test_long_names_of_many_runs_and_slices_stay_under_half_a_megabyte() -> None:
    page = comparison_report.page(many(100, 200, "\u202e" * 200))
    assert len(page.encode()) < 500_000
    assert len(Parsed(page).table("Each requirement")) >= 7


@pytest.mark.slow
def test_ten_runs_of_ten_thousand_rows_stay_under_half_a_megabyte() -> None:
    """Texts of the worst kind: every character of them takes eight or more bytes."""
    n = 10_000
    frame = rows(n, text=["\u202e" * 3000, "<" * 3000, "🤖" * 3000])
    for place in range(4):
        frame[f"column_{place}"] = np.resize([f"value {i}" for i in range(20)], n)
    columns = ["channel", *(f"column_{place}" for place in range(4))]
    gates = [{"metric": "accuracy", "every": column, "min": 0.8} for column in columns]
    requirements = ASKED | {"slices": columns, "thresholds": gates}
    runs = {
        f"run {i}": timed(answered(frame, 0.5 - 0.04 * i, i, intersections=1, requirements=requirements), 5.0 + i)
        for i in range(10)
    }  # fmt: skip
    page = comparison_report.page(beside(runs))
    assert len(page.encode()) < 500_000
    assert Parsed(page).table("Fixed by run 9")
