"""Several runs side by side as one HTML page: the verdict first, then what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mlflow_evalplus import names
from mlflow_evalplus.core.decision import measured
from mlflow_evalplus.render import charts, difference, html
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.room import ROOMS, Room, narrowed
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Difference, Estimate, Evaluation, Gate, Outcome, number
from mlflow_evalplus.results.latency import words
from mlflow_evalplus.results.side_by_side import ChangedRow, Front, SideBySide

MAX_BYTES = 500_000
Q = 0.05
RANK = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}
COMPARED = {"accuracy": "Accuracy", "f1_macro": "Macro F1", "error_cost": "Cost of errors, per example"}
FURTHER = {
    "balanced_accuracy": "balanced accuracy", "cohen_kappa": "Cohen’s κ", "ece": "calibration error",
    "latency_ms_p95": "latency p95, ms", "cost_per_1000": "cost per 1,000",
    "total_cost_per_1000": "total cost per 1,000",
}  # fmt: skip
AXES = {
    "total_cost_per_1000": "total cost of 1,000 predictions, errors included",
    "cost_per_1000": "cost of 1,000 predictions",
    "latency_ms_p95": "latency of one request, 95th percentile, in ms",
}


class Change(NamedTuple):
    """A paired difference as a row: what it is of, the difference, in words, how it is judged, further cells."""

    name: str
    difference: Difference
    words: str
    judged: str
    more: tuple[Any, ...] = ()


class Changed(NamedTuple):
    """Differences that share an axis, which goes from `-reach` to `reach`, labelled in `unit`."""

    title: str
    rows: list[Change]
    reach: float
    label: float
    unit: str
    n: int


def page(found: SideBySide) -> str:
    """Return the page, under 500 KB.

    Where it would be larger, its lists are shortened, then requirements (those that the choice fails are the last to
    go), then runs (the choice, the baseline and the most accurate stay); the page says what is left out.
    """
    for room in ROOMS:
        text = html.page("comparison.html.j2", **_context(found, room))
        if len(text.encode()) < MAX_BYTES:
            break
    return text


def _context(whole: SideBySide, room: Room) -> dict[str, Any]:
    found, limit = narrowed(whole, room.runs), room.rows
    winner = found.evaluations[found.winner]
    columns = {found.winner: winner} | dict(found.evaluations)  # where there are many, the choice is in sight
    gates, notes = _gates(columns), list(_notes(found))
    return {
        "n_runs": len(whole.evaluations), "n_gates": len(gates), "n_notes": len(notes), "names": names,
        "found": found, "columns": columns, "base": found.evaluations[found.baseline], "best": winner, "marks": MARKS,
        "outcome": winner.verdict.outcome, "title": _title(found), "lead": _lead(found), "key": _key_figures(found),
        "gates": gates[: room.gates], "compared": _compared(found), "further": _further(columns), "written": _written,
        "said": [part.sentence for part in (whole.choice, whole.family) if part],
        "front": _front(found.front) if found.front else None, "slices": _slices(found, limit),
        "sentence": _sentence(found), "moved": _split(found, limit), "changes": _changes(found, limit),
        "history": _history(found), "notes": notes[: room.notes],
    }  # fmt: skip


def _title(found: SideBySide) -> str:
    if found.evaluations[found.winner].verdict.outcome is Outcome.PASS:
        return "is cleared for launch"
    return "is not cleared for launch"


def _lead(found: SideBySide) -> list[str]:
    """Return why this run, and why it is cleared or not; what the title says is not said again."""
    reason = found.reason.removeprefix(f"{found.winner} {_title(found)}: ")
    return [reason[:1].upper() + reason[1:], found.evaluations[found.winner].verdict.sentence]


def _order(found: SideBySide) -> list[str]:
    """Return the compared runs, the winner first."""
    return sorted(found.comparisons, key=lambda name: name != found.winner)


def _gates(evaluations: Mapping[str, Evaluation]) -> list[tuple[str, list[Gate | None]]]:
    """Return each requirement with its gate of every run, None where a run was not asked it.

    Those that the first run fails come first, then those that it leaves open.
    """
    by_run = [{gate.requirement: gate for gate in e.verdict.gates} for e in evaluations.values()]
    asked = dict.fromkeys(requirement for gates in by_run for requirement in gates)
    rank = {gate.requirement: RANK[gate.outcome] for gate in by_run[0].values()}
    ranked = sorted(asked, key=lambda requirement: rank.get(requirement, len(RANK)))
    return [(requirement, [gates.get(requirement) for gates in by_run]) for requirement in ranked]


def _key_figures(found: SideBySide) -> list[tuple[str, str, str]]:
    """Return the winner's figures as (value, what it is, its interval)."""
    best = found.evaluations[found.winner]
    figures = [(number(best.metrics["accuracy"].value), "accuracy", _bounds(best.metrics["accuracy"]))]
    compared = found.comparisons.get(found.winner)
    if compared:
        accuracy = compared.metrics["accuracy"]
        figures.append((html.points(accuracy.value), f"points of accuracy against {found.baseline}",
                        f"{html.points(accuracy.lower)} to {html.points(accuracy.upper)}"))  # fmt: skip
        figures.append((f"{compared.fixed:,} / {compared.broken:,}", "rows fixed / broken", f"of {compared.n:,}"))
    prices = best.requirements.prices if best.requirements else None
    total = f"total cost of 1,000{f', {prices.currency}' if prices else ''}"
    for key, title in (("latency_ms_p95", "latency p95, ms"), ("total_cost_per_1000", total)):
        estimate = measured(best, key)
        if estimate and estimate.defined:
            figures.append((number(estimate.value), title, _bounds(estimate)))
    return figures


def _written(estimate: Estimate) -> str:
    """Return an estimate with its interval, if it has one; what would be rounded to 0 keeps two digits."""
    return words(estimate, "") if not _bounds(estimate) or 0 < abs(estimate.value) < 0.01 else interval(estimate)


def _bounds(estimate: Estimate) -> str:
    if math.isnan(estimate.lower) and math.isnan(estimate.upper):
        return ""
    return f"{number(estimate.lower)} to {number(estimate.upper)}"


def _compared(found: SideBySide) -> list[Changed]:
    """Return for each key metric the difference of every run from the baseline."""
    return [
        _changed(title, ((name, found.comparisons[name].metrics[key], (found.evaluations[name].metrics.get(key),))
                         for name in found.comparisons if key in found.comparisons[name].metrics), key)
        for key, title in COMPARED.items()
        if any(key in comparison.metrics for comparison in found.comparisons.values())
    ]  # fmt: skip


def _changed(title: str, rows: Iterable[tuple[str, Difference, tuple[Any, ...]]], key: str = "accuracy") -> Changed:
    """Return the rows on an axis that is round, and as wide as they need."""
    share = key not in names.COST_METRICS
    given = [Change(name, d, _words(d, share), _judged(d, key), more) for name, d, more in rows]
    bounds = [abs(b) for row in given for b in (row.difference.lower, row.difference.upper) if math.isfinite(b)]
    reach = charts.ticks(0, max([0.01, *bounds]))[-1]
    n = max((row.difference.n for row in given), default=0)
    return Changed(title, given, reach, 100 * reach if share else reach, "points" if share else "", n)


def _words(found: Difference, share: bool) -> str:
    """Return ``+3.1 [+0.4, +5.8]``: points for shares, else the metric's own unit."""
    if math.isnan(found.value):
        return "undefined"
    written = [
        html.points(x) if share else f"{x:+.3f}".replace("-", "−") for x in (found.value, found.lower, found.upper)
    ]
    return f"{written[0]} [{written[1]}, {written[2]}]"


def _judged(found: Difference, key: str) -> str:
    """Return better, worse or, where the interval holds 0 or is undefined, nothing."""
    sign = -1 if key in names.LOWER_IS_BETTER else 1
    if found.lower > 0 or found.upper < 0:
        return "better" if sign * found.value > 0 else "worse"
    return ""


def _further(evaluations: Mapping[str, Evaluation]) -> dict[str, list[Estimate | None]]:
    """Return further figures, title → one per run, where any run has them."""
    found = {title: [measured(e, key) for e in evaluations.values()] for key, title in FURTHER.items()}
    own = dict.fromkeys(key for e in evaluations.values() for key in e.metrics if key not in names.ALL_METRICS)
    found |= {key: [e.metrics.get(key) for e in evaluations.values()] for key in own}
    return {title: row for title, row in found.items() if any(e and e.defined for e in row)}


def _front(front: Front) -> dict[str, Any]:
    points = [charts.Point(p.name, p.cost.value, p.accuracy.value, p.accuracy.lower, p.accuracy.upper, p.on_front)
              for p in front.points]  # fmt: skip
    axis = AXES[front.cost] + (f" ({front.currency})" if front.currency else "")
    return {"points": points, "axis": axis, "best": [p.name for p in front.points if p.on_front], "rows": front.points,
            "unknown": front.unknown}  # fmt: skip


def _slices(found: SideBySide, limit: int) -> list[tuple[str, Changed, int]]:
    """Return the slices of every run whose accuracy differs with q < 0.05, and how many more there are."""
    shown = []
    for name in _order(found):
        rows = [(row.metrics["accuracy"], row) for row in found.comparisons[name].slices if row.q_value < Q]
        largest = sorted(rows, key=lambda pair: -abs(pair[0].value))[:limit]
        best_first = sorted(largest, key=lambda pair: -pair[0].value)
        changed = _changed("", ((row.name, accuracy, (accuracy.n, row.q_value)) for accuracy, row in best_first))
        shown.append((name, changed, len(rows) - len(largest)))
    return shown


def _split(found: SideBySide, limit: int) -> list[tuple[Changed, int]]:
    """Return the class pairs and the slices that the winner's difference comes from."""
    if found.difference is None:
        return []
    titles = ("label → prediction", "slice")
    return [
        (_changed(title, ((part.name, part.accuracy, (part.n, part.fixed, part.broken)) for part in parts[:limit])),
         max(len(parts) - limit, 0))
        for title, parts in zip(titles, difference.moved(found.difference), strict=True)
        if parts
    ]  # fmt: skip


def _sentence(found: SideBySide) -> str:
    return difference.sentence(found.difference) if found.difference else ""


def _changes(found: SideBySide, limit: int) -> list[tuple[str, list[tuple[str, int, tuple[ChangedRow, ...]]]]]:
    """Return for every run what it fixes and what it breaks: the word, the count, the rows that are listed."""
    return [
        (name, [("fixed", own.fixed, own.fixed_rows[:limit]), ("broken", own.broken, own.broken_rows[:limit])])
        for name in _order(found)
        if (own := found.changes[name]).fixed or own.broken
    ]  # fmt: skip


def _history(found: SideBySide) -> dict[str, Any] | None:
    """Return the iterations and the axis of their accuracies, where there are two or more."""
    rows = found.history
    known = [
        x for row in rows for x in (row.accuracy.lower, row.accuracy.value, row.accuracy.upper) if math.isfinite(x)
    ]
    return {"rows": rows, "y": charts.ticks(min(known), max(known))} if len(rows) > 1 and known else None


def _notes(found: SideBySide) -> Iterator[tuple[str, str]]:
    """Yield (run or nothing, note)."""
    asked = {e.requirements.digest if e.requirements else "" for e in found.evaluations.values()}
    if len(asked) > 1:
        yield (
            "",
            "The runs were evaluated against different requirements: “–” is a requirement that a run was not asked.",
        )
    yield from (("", note) for note in found.notes)
    yield from ((name, note) for name, e in found.evaluations.items() for note in e.notes)
