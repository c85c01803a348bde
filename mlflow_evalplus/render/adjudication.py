"""A queue that came back, as a Markdown page and in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus import names
from mlflow_evalplus.render import labels as words
from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.results.adjudication import STATES, AcceptedCase, Adjudication, OpenCase
from mlflow_evalplus.results.labels import LabelQuality

MAX_ROWS = 10
MAX_SENTENCE = 600
MAX_TEXT = 100
# Two annotators agree on most rows that a label is not meant, whatever it is: of a label κ tells more.
BY_PART = (("class", "fleiss_kappa", "label"), ("slice", "percent_agreement", "slice"))
HARD = "Most cases of a queue were chosen because they are hard. Of all that customers write, the random cases tell."


def page(found: Adjudication) -> str:
    """Return what it comes to, agreement, what annotators take for each other, problems, and open cases."""
    parts = ["### Adjudication", f"**{markdown.escape(found.sentence, MAX_SENTENCE)}**"]
    parts += [markdown.escape(note, MAX_SENTENCE) for note in found.notes]
    parts.append(markdown.table(["cases", "n"], cases(found)))
    if found.quality:
        parts.append(markdown.table(["agreement", "value"], agreement(found)))
        parts += [HARD] if chosen(found) else []
        for level, measure, title in BY_PART:
            if rows := by_part(found.quality, level, measure):
                parts.append(markdown.table([f"{title} (n)", words.TITLES[measure]], rows))
        if confused := words.confusions(found.quality):
            parts.append(markdown.table([words.confusion_title(found.quality), "n"], confused[:MAX_ROWS]))
    parts += _problems(found)
    for state in STATES:
        if rows := open_cases(found, state):
            title = f"{state}, {len(rows):,} in all" if len(rows) > MAX_ROWS else state
            parts.append(markdown.table([title, "votes"], rows[:MAX_ROWS], numbers_from=2))
    if found.open:
        parts.append(f"All open cases, to be decided in a spreadsheet: `{names.DISPUTED_CSV}`.")
    return "\n\n".join(parts)


def _problems(found: Adjudication) -> Iterator[str]:
    for kind, n in found.by_kind.items():
        shown = [problem.sentence for problem in found.problems if problem.kind == kind][:MAX_ROWS]
        lines = [f"- {markdown.escape(sentence, MAX_SENTENCE)}" for sentence in shown]
        lines += [f"- … {n - len(shown):,} more"] if n > len(shown) else []
        yield "\n".join([f"**{kind.replace('_', ' ')}** ({n:,})", "", *lines])


def cases(found: Adjudication) -> list[tuple[str, str]]:
    """Return how many cases are settled in which way, and open in which state."""
    counts = {**found.by_how, **{f"open: {state}": n for state, n in found.by_state.items()}, "all": found.n}
    return [(name, f"{n:,}") for name, n in counts.items()]


def agreement(found: Adjudication) -> list[tuple[str, str]]:
    """Return the figures of agreement over all cases with two votes or more, then over the random ones."""
    rows = []
    for what, quality in (("queue", found.quality), ("random cases", found.audit_quality)):
        for measure in ("percent_agreement", "krippendorff_alpha"):
            for estimate in quality.of("all", measure).values() if quality else ():
                rows.append((f"{words.TITLES[measure]}, {what} ({estimate.n:,})", interval(estimate)))
        for key, estimate in list(quality.of("pair", "cohen_kappa").items())[:MAX_ROWS] if quality else ():
            rows.append((f"{words.TITLES['cohen_kappa']}, {what}, {key} ({estimate.n:,})", interval(estimate)))
    return rows


def chosen(found: Adjudication) -> bool:
    """Whether agreement is also over cases that were not drawn at random."""
    cases: list[AcceptedCase | OpenCase] = [*found.accepted, *found.open]
    return any(len(case.votes) > 1 and not case.audit for case in cases)


def by_part(quality: LabelQuality, level: str, measure: str) -> list[tuple[str, str]]:
    """Return agreement by label or by slice, the lowest first."""
    found = quality.of(level, measure)
    defined = {key: estimate for key, estimate in found.items() if estimate.defined}
    ranked = sorted(defined.items(), key=lambda item: item[1].value)[: words.MAX_ROWS]
    return [(f"{key} ({estimate.n:,})", interval(estimate)) for key, estimate in ranked]


def open_cases(found: Adjudication, state: str) -> list[tuple[str, str]]:
    """Return the texts of the cases in this state, with their votes."""
    return [(case.text[:MAX_TEXT], _votes(case)) for case in found.open if case.state == state]


def _votes(case: OpenCase) -> str:
    return ", ".join(f"{name}: {vote}" for name, vote in case.votes.items())


def terminal(found: Adjudication) -> Iterator[RenderableType]:
    """Yield how many cases are in which state, agreement, problems, notes, and what to do next."""
    yield _grid(["cases", "n"], cases(found))
    if found.quality:
        yield _grid(["agreement", "value"], agreement(found))
        if chosen(found):
            yield Text(f"{HARD}\n")
    for kind, n in found.by_kind.items():
        shown = [visible(p.sentence, MAX_SENTENCE) for p in found.problems if p.kind == kind][:MAX_ROWS]
        more = [f"… {n - len(shown):,} more; all of them with --json"] if n > len(shown) else []
        yield Text("\n  ".join([f"{kind.replace('_', ' ')} ({n:,})", *shown, *more]))
    yield Text("\n".join([*(visible(note, MAX_SENTENCE) for note in found.notes), found.sentence]))


def _grid(headers: Sequence[str], rows: Sequence[tuple[str, str]]) -> Table:
    table = Table(*headers, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    return table
