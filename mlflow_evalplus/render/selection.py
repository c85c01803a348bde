"""A selection as Markdown pages and in a terminal: which candidate to take and why, the leaderboard, why not others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus import names
from mlflow_evalplus.render import markdown, selection_steps
from mlflow_evalplus.render import selection_pairs as between
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.comparison import COLOURS
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Estimate, number
from mlflow_evalplus.results.estimate import p_value
from mlflow_evalplus.results.selection import CandidateResult, Selection

MAX_ROWS = 20
MAX_DESCRIPTION = 7_000  # characters; MLflow allows 8,000
LONGEST = 600
HEADERS = ("candidate", "verdict", "utility", "score", "per 1,000", "p95", "scored")
PLACES = {"chosen": "★ ", "tied": "≈ ", "": ""}


def page(found: Selection) -> str:
    """Return which candidate to take, why, what it costs, what to do next, the leaderboard, and why not the others."""
    parts = [
        f"## {words.MARKS[found.decision.outcome]} {_escape(words.headline(found))}",
        f"**{_escape(words.reason(found))}**",
        _escape(words.costs(found)),
        todo(found),
        _leaderboard(found),
        _others(found),
        _escape(
            f"{words.asked(found)}. Utility: {words.priority(found)}. {words.percent(found.confidence)} intervals."
        ),
    ]
    parts += [f"> Note: {_escape(note)}" for note in found.notes[:MAX_ROWS]]
    return "\n\n".join(part for part in parts if part)


def description(found: Selection) -> str:
    """Return the beginning of the page for a run's description, whole paragraphs and tables: MLflow cuts a long one."""
    return shortened(page(found), names.SUMMARY)


def shortened(text: str, path: str) -> str:
    """Return as many whole paragraphs and tables as a run's description holds, and where the rest is."""
    kept: list[str] = []
    for block in text.split("\n\n"):
        if sum(map(len, kept)) + len(block) > MAX_DESCRIPTION:
            return "\n\n".join([*kept, f"… the rest is in `{path}`."])
        kept.append(block)
    return "\n\n".join(kept)


def leaderboard(found: Selection) -> str:
    """Return the page of the leaderboard: all candidates, their scores by dimension, and their differences."""
    parts = [
        "### Leaderboard",
        _leaderboard(found),
        _escape(f"Utility: {words.priority(found)}. ★ is to take, ≈ is tied with it."),
        _dimensions(found),
        _pairs(found),
        _ranking(found),
        _judging(found),
    ]
    return "\n\n".join(part for part in parts if part)


def todo(found: Selection) -> str:
    """Return what to do next as a list."""
    return listed("Next", selection_steps.steps(found))


def listed(title: str, sentences: Sequence[str]) -> str:
    """Return sentences as a list under a title; nothing where there are none."""
    lines = "\n".join(f"- {_escape(sentence)}" for sentence in sentences)
    return f"**{title}:**\n\n{lines}" if sentences else ""


def left(n: int, path: str) -> str:
    """Return how many rows a table leaves out, and where they are."""
    return f"\n\n… {n - MAX_ROWS:,} more in `{path}`." if n > MAX_ROWS else ""


def _escape(text: str) -> str:
    return markdown.escape(text, limit=LONGEST)


def cells(found: Selection, candidate: CandidateResult) -> tuple[str, ...]:
    """Return a candidate as cells for `HEADERS`, as plain text."""
    spent = candidate.spending
    return (
        f"{PLACES[words.place(found, candidate.name)]}{words.cut(candidate.name)}",
        MARKS[candidate.verdict.outcome],
        number(candidate.utility),
        interval(candidate.score),
        words.money(spent.per_1000, spent.currency),
        words.milliseconds(value(spent.latency_ms.get("p95"))),
        share(candidate.measures.get("coverage")),
    )


def value(estimate: Estimate | None) -> float:
    """Return an estimate's value; nan where there is none."""
    return estimate.value if estimate else float("nan")


def share(estimate: Estimate | None) -> str:
    """Return an estimate that is a share as ``97.5 %``; a dash where there is none."""
    return f"{100 * estimate.value:.1f} %" if estimate and estimate.defined else words.NOTHING


def _leaderboard(found: Selection) -> str:
    rows = [cells(found, candidate) for candidate in found.candidates]
    table = markdown.table(HEADERS, rows[:MAX_ROWS], numbers_from=2)
    return table + left(len(rows), names.LEADERBOARD_TABLE)


def _others(found: Selection) -> str:
    """Return why each of the others is not to take; where none is, what each of them misses."""
    best = found.decision.chosen
    others = [candidate.name for candidate in found.candidates if candidate.name != best][:MAX_ROWS]
    if len(found.candidates) == 1:
        return ""
    title = "Why not the others" if best else "Where each of them stands"
    lines = "\n".join(
        f"- **{markdown.escape(words.cut(name))}** {_escape(between.why_not(found, name))}" for name in others
    )
    return f"### {title}\n\n{lines}"


def _dimensions(found: Selection) -> str:
    shown = found.candidates[:MAX_ROWS]
    rows = [
        (f"{words.cut(name)} ({found.n_by_dimension.get(name, 0):,}; {words.percent(weight)})",
         *(interval(c.dimensions[name]) if name in c.dimensions else words.NOTHING for c in shown))
        for name, weight in list(found.dimension_weights.items())[:MAX_ROWS]
    ]  # fmt: skip
    heads = [markdown.escape(words.cut(candidate.name)) for candidate in shown]
    return "### Score by dimension\n\n" + markdown.table(["dimension (n; weight)", *heads], rows)


def _pairs(found: Selection) -> str:
    if not found.pairs:
        return ""
    rows = [
        (f"{words.cut(pair.a)} less {words.cut(pair.b)}", between.signed(pair.utility),
         between.signed(pair.score, share=True), p_value(pair.p_holm),
         "yes" if between.told_apart(pair, found.confidence) else "no", f"{pair.n_needed:,}" if pair.n_needed else "")
        for pair in found.pairs[:MAX_ROWS]
    ]  # fmt: skip
    heads = ["pair", "utility", "score, points", "p (Holm)", "told apart", "questions needed"]
    table = markdown.table(heads, rows)
    return f"### Differences, paired\n\n{table}{left(len(found.pairs), names.PAIRS_TABLE)}"


def _ranking(found: Selection) -> str:
    if not found.ranking:
        return ""
    rows = [
        (words.cut(row.name), interval(row.strength), f"{row.wins:g} / {row.losses:g} / {row.ties:g}")
        for row in found.ranking[:MAX_ROWS]
    ]
    table = markdown.table(["candidate", "strength, log odds", "won / lost / tied"], rows)
    return f"### Ranking by judges, in pairs (Bradley–Terry)\n\n{table}"


def _judging(found: Selection) -> str:
    return _escape(judging(found)) if found.judging else ""


def judging(found: Selection) -> str:
    """Return how far the judges can be relied on, in a sentence; empty where there were none."""
    judges = found.judging
    if judges is None:
        return ""
    said = [
        f"{words.counted(len(judges.judges), 'judge')} ({words.cut(', '.join(judges.judges), 120)}) gave "
        f"{words.counted(judges.n_verdicts, 'verdict')}, {judges.n_unusable:,} of them unusable"
    ]
    if judges.agreement and judges.agreement.defined:
        said.append(f"their agreement (Krippendorff's α) is {interval(judges.agreement)}")
    if judges.flipped == judges.flipped:
        said.append(f"{words.percent(judges.flipped)} of the verdicts on pairs change with the order")
    return "; ".join(said) + "."


def terminal(found: Selection) -> Iterator[RenderableType]:
    """Yield the leaderboard, what it is that each candidate fails by, and the decision with what to do next."""
    table = Table(*HEADERS, box=box.SIMPLE_HEAD)
    for candidate in found.candidates[:MAX_ROWS]:
        name, verdict, *others = (Text(visible(cell, words.MAX_CELL)) for cell in cells(found, candidate))
        verdict.stylize(COLOURS[candidate.verdict.outcome])
        table.add_row(name, verdict, *others, style="bold" if words.place(found, candidate.name) else "")
    yield table
    if any(candidate.score.small_support for candidate in found.candidates):
        yield Text("° rests on few questions\n", style="dim")
    if any(candidate.causes.items for candidate in found.candidates):
        yield _causes(found)
    style = COLOURS[words.OUTCOMES[found.decision.outcome]]
    yield Text(
        f"{words.MARKS[found.decision.outcome]} {visible(words.headline(found), LONGEST)}", style=f"bold {style}"
    )
    said = [words.reason(found), words.costs(found), *selection_steps.steps(found)]
    yield Text("\n".join(visible(line, LONGEST) for line in said if line))
    for note in found.notes[:MAX_ROWS]:
        yield Text(visible(note, LONGEST), style="yellow")


def _causes(found: Selection) -> Table:
    """Return the share of the lost points by cause, a column for each cause that there is."""
    known = [cause for cause in words.CAUSE_WORDS if any(words.lost(c, cause) for c in found.candidates)]
    table = Table("lost points by cause", *map(words.cause_title, known), box=box.SIMPLE_HEAD)
    for candidate in found.candidates[:MAX_ROWS]:
        shares = (
            words.percent(words.lost(candidate, cause)) if words.lost(candidate, cause) else "" for cause in known
        )
        table.add_row(Text(visible(candidate.name, words.MAX_CELL)), *shares)
    return table
