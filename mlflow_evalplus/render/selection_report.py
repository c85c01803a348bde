"""A selection as one HTML page: which candidate to take, then all that this rests on; and one candidate's report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.render import charts, html, selection_charts, selection_failed, selection_points, selection_steps
from mlflow_evalplus.render import selection as pages
from mlflow_evalplus.render import selection_candidate as of_one
from mlflow_evalplus.render import selection_pairs as between
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.render.classes import measured
from mlflow_evalplus.render.monitoring_report import minus
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Estimate, Gate, Outcome, number
from mlflow_evalplus.results.selection import CandidateResult, PairDifference, Selection, TagScore

MAX_CANDIDATES = 24
MAX_ROWS = 60
ORDER = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}


def page(found: Selection, questions: QuestionSet, run_name: str = "") -> str:
    """Return the page of a selection: one file that loads nothing and needs no script.

    At most 24 candidates are shown, and at most 300 failed questions of each; the tables of the runs hold all.

    Parameters
    ----------
    found : Selection
    questions : QuestionSet
        Whose texts are shown.
    run_name : str
        The run that it is of, if any.
    """
    best = words.subject(found)
    shown = [c for place, c in enumerate(found.candidates) if place < MAX_CANDIDATES or c.name == best.name]
    others = [c for c in shown if len(shown) > 1 and c.name != found.decision.chosen]
    before, name, after = words.headline_parts(found)
    context = _context(found, shown, questions, first=best)
    outcome = words.OUTCOMES[found.decision.outcome]
    context |= {
        "single": None, "title": (before, name, after), "mark": words.MARKS[found.decision.outcome],
        "outcome": Outcome.PASS if found.decision.chosen else outcome,
        "lead": minus(words.reason(found)), "second": words.costs(found), "steps": selection_steps.steps(found),
        "others": [(c.name, between.why_not(found, c.name)) for c in others],
        "points": selection_points.points(found), "run_name": run_name, "pairs": _pairs(found, found.pairs, best),
        "ranking": found.ranking[:MAX_ROWS], "judging": pages.judging(found), "notes": found.notes[:MAX_ROWS],
    }  # fmt: skip
    return html.page("selection.html.j2", **context)


def candidate_page(found: Selection, name: str, questions: QuestionSet, run_name: str = "") -> str:
    """Return the report of one candidate, as `page` is.

    Parameters
    ----------
    found : Selection
    name : str
        Of the candidate.
    questions : QuestionSet
    run_name : str
    """
    own = found[name]
    place = {"chosen": " is the one to take", "tied": " is tied"}.get(words.place(found, name))
    verdict = {Outcome.PASS: " meets the requirements", Outcome.FAIL: " fails", Outcome.UNDECIDED: " is undecided"}
    context = _context(found, (own,), questions, first=own)
    compared = [pair if pair.a == name else between.turned(pair) for pair in found.pairs if name in (pair.a, pair.b)]
    context |= {
        "single": own, "title": ("", words.cut(name), place or verdict[own.verdict.outcome]),
        "mark": MARKS[own.verdict.outcome][0], "outcome": own.verdict.outcome,
        "lead": minus(of_one.standing(found, name)), "second": "",
        "steps": selection_steps.advice(own), "others": [], "points": [], "run_name": run_name,
        "pairs": _pairs(found, compared, own), "ranking": (), "judging": "", "notes": own.verdict.notes[:MAX_ROWS],
    }  # fmt: skip
    return html.page("selection.html.j2", **context)


def _context(
    found: Selection, shown: Sequence[CandidateResult], questions: QuestionSet, first: CandidateResult
) -> dict[str, Any]:
    """Return what both pages show, of the candidates that are shown."""
    ordered = [first, *(candidate for candidate in shown if candidate.name != first.name)]
    total = sum(question.weight for question in questions) or float(found.n)
    return {
        "found": found, "shown": shown, "source": PurePath(found.source).name, "words": words, "between": between,
        "marks": MARKS, "minus": minus, "cost_axis": selection_points.axis_title(found), "measured": measured,
        "key": list(_key_figures(first)), "left_out": len(found.candidates) - len(shown) if len(shown) > 1 else 0,
        "places": {candidate.name: words.place(found, candidate.name) for candidate in shown},
        "colours": {c.name: f"c{at}" if at < selection_charts.COLOURS else "cx" for at, c in enumerate(shown)},
        "gates": _gates(shown), "score_axis": selection_charts.score_axis([c.score for c in shown]),
        "dimensions": selection_charts.dimensions(found, shown), "radar": selection_charts.radar(found, shown),
        "bars": selection_charts.causes(shown, total), "causes": [_causes(c) for c in ordered if c.causes.items],
        "tags": _tags(shown), "costs": [(c.name, dict(of_one.cost_rows(c))) for c in shown],
        "few": any(c.score.small_support for c in shown),
        "failed": selection_failed.listing(ordered, questions), "tables": _Tables(),
    }  # fmt: skip


class _Tables:
    """Where the tables of a run hold what the page leaves out."""

    leaderboard, pairs, tags = names.LEADERBOARD_TABLE, names.PAIRS_TABLE, names.TAGS_TABLE
    failures, failed = names.FAILURES_TABLE, names.FAILED_TABLE


def _key_figures(best: CandidateResult) -> Iterator[tuple[str, str, str]]:
    """Yield (value, what it is, its bounds)."""
    yield html.percent(best.score.value), "score", _bounds(best.score)
    if best.utility == best.utility:
        yield number(best.utility), "utility, of 1", ""
    spent = best.spending
    if not math.isnan(spent.per_1000):
        yield words.money(spent.per_1000, spent.currency), "for 1,000 questions", ""
    p95 = spent.latency_ms.get("p95")
    if p95 and p95.defined:
        yield words.milliseconds(p95.value), "latency p95", _times(p95)
    coverage = best.measures.get("coverage")
    if coverage and coverage.defined:
        yield html.percent(coverage.value), "answered and scored", f"of {coverage.n:,}"
    weakest = words.weakest(best)
    if weakest and len(best.dimensions) > 1:
        yield html.percent(weakest[1].value, 0), f"weakest: {words.cut(weakest[0], 24)}", _bounds(weakest[1], 0)


def _times(estimate: Estimate) -> str:
    """Return the bounds of a time; of a high percentile of few answers there is no upper one."""
    if not math.isfinite(estimate.lower):
        return ""
    lower = words.milliseconds(estimate.lower)
    known = math.isfinite(estimate.upper)
    return f"{lower} to {words.milliseconds(estimate.upper)}" if known else f"at least {lower}"


def _bounds(estimate: Estimate, digits: int = 1) -> str:
    if not (math.isfinite(estimate.lower) and math.isfinite(estimate.upper)):
        return ""
    return f"{html.percent(estimate.lower, digits)} to {html.percent(estimate.upper, digits)}"


def _gates(shown: Sequence[CandidateResult]) -> list[tuple[str, list[Gate | None]]]:
    """Return each requirement with its gate of every candidate; those that the first fails come first."""
    by_candidate = [{gate.requirement: gate for gate in candidate.verdict.gates} for candidate in shown]
    asked = dict.fromkeys(requirement for gates in by_candidate for requirement in gates)
    worst = {
        requirement: min(ORDER[gates[requirement].outcome] for gates in by_candidate if requirement in gates)
        for requirement in asked
    }
    ranked = sorted(asked, key=lambda requirement: worst[requirement])
    return [(requirement, [gates.get(requirement) for gates in by_candidate]) for requirement in ranked[:MAX_ROWS]]


def _pairs(found: Selection, pairs: Sequence[PairDifference], best: CandidateResult) -> dict[str, Any]:
    """Return the pairs, those of the candidate at the top first, and the axis of their utilities."""
    ranked = sorted(pairs, key=lambda pair: best.name not in (pair.a, pair.b))[:MAX_ROWS]
    ends = [abs(end) for p in ranked for end in (p.utility.lower, p.utility.upper) if math.isfinite(end)]
    return {"rows": [(pair, between.told_apart(pair, found.confidence)) for pair in ranked], "n": len(pairs),
            "reach": charts.ticks(0, max([0.01, *ends]))[-1]}  # fmt: skip


def _causes(candidate: CandidateResult) -> dict[str, Any]:
    return {"name": candidate.name, "n": len(candidate.causes.items), "rows": words.ranked_causes(candidate),
            "heat": selection_charts.heat(candidate)}  # fmt: skip


def _tags(shown: Sequence[CandidateResult]) -> dict[str, Any]:
    """Return each value of a tag with its score of every candidate, those that are weak for most come first."""
    by_candidate = [{(tag.tag, tag.value): tag for tag in candidate.tags} for candidate in shown]
    known = dict.fromkeys(key for tags in by_candidate for key in tags)
    rows: list[tuple[TagScore, list[TagScore | None]]] = []
    for key in known:
        cells = [tags.get(key) for tags in by_candidate]
        rows.append((next(cell for cell in cells if cell), cells))
    rows.sort(key=lambda row: -sum(cell.weak for cell in row[1] if cell))
    titles = dict.fromkeys(words.cut(tag.replace("_", " "), 40) for tag, _ in known)
    return {"rows": rows[:MAX_ROWS], "n": len(rows), "names": list(titles)}
