"""The cases that were chosen from a production log, as a Markdown page and in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.data_checks import visible
from mlflow_evalplus.results.queue import Queue

MAX_EXAMPLES = 10
MAX_LABELS = 30
MAX_WHY = 400


def page(queue: Queue, labels: Sequence[str] = ()) -> str:
    """Return what was chosen and why, ten examples, and what to do next."""
    parts = ["### Queue", f"**{headline(queue)}**"]
    if queue.reasons:
        rows = [(_named(one.reason), f"{one.n_rows:,}", f"{one.n_cases:,}") for one in queue.reasons]
        parts.append(markdown.table(["reason", "rows of the log", "cases chosen for it"], rows))
        why = (f"- **{_named(one.reason)}**: {markdown.escape(one.why, MAX_WHY)}" for one in queue.reasons)
        parts.append("\n".join(why))
    parts.append(audit(queue))
    examples = [(case.text, ", ".join(map(_named, case.reasons)), f"{case.copies:,}") for case in queue.cases]
    if examples:
        parts.append(markdown.table(["text", "reasons", "rows that a label serves"], examples[:MAX_EXAMPLES],
                                    numbers_from=2))  # fmt: skip
    if len(examples) > MAX_EXAMPLES:
        parts.append(f"… {len(examples) - MAX_EXAMPLES:,} more in `evalplus/queue.jsonl`.")
    parts += [f"> {markdown.escape(note, limit=MAX_WHY)}" for note in queue.notes]
    return "\n\n".join([*parts, "#### What to do next", _next(queue, labels)])


def headline(queue: Queue) -> str:
    """Return how many cases of how many texts there are, in a sentence.

    Examples
    --------
    >>> headline(Queue((), 65000, 48213, (), 0))
    'No case to label: 48,213 different texts in 65,000 rows, and none was chosen.'
    """
    log = f"{queue.n_texts:,} different texts in {_counted(queue.n_rows, 'row')}"
    if not queue.cases:
        return f"No case to label: {log}, and none was chosen."
    chosen, drawn = len(queue.cases) - queue.n_audit, queue.n_audit
    how = f"{chosen:,} chosen for a reason, {drawn:,} drawn at random"
    return f"{_counted(len(queue.cases), 'case')} to label of {log}: {how}."


def audit(queue: Queue) -> str:
    """Return what the random cases are for, or that there are none."""
    if not queue.n_audit:
        return (
            "No case was drawn at random, so the labels will not tell how good the model is: the others are hard on "
            "purpose. Ask for some with `--audit`."
        )
    return (
        f"Only the {_counted(queue.n_audit, 'random case')}, each counted by its weight, will tell how good the model "
        "is on this log; the others are hard on purpose, and the accuracy on them says nothing of the log."
    )


def terminal(queue: Queue) -> Iterator[RenderableType]:
    """Yield the reasons as a table, then the answer in words."""
    if queue.reasons:
        table = Table("reason", "rows", "cases", "why", box=box.SIMPLE_HEAD)
        for one in queue.reasons:
            table.add_row(_named(one.reason), f"{one.n_rows:,}", f"{one.n_cases:,}", Text(visible(one.why)))
        yield table
    yield Text("\n".join([headline(queue), *map(visible, queue.notes)]))


def _named(reason: str) -> str:
    return reason.replace("_", " ")


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def _next(queue: Queue, labels: Sequence[str]) -> str:
    if not queue.cases:
        return "Nothing: give other columns, a challenger or more rows, and collect again."
    more = [f"… {len(labels) - MAX_LABELS:,} more"] if len(labels) > MAX_LABELS else []
    known = ", ".join([*(f"**{markdown.escape(label)}**" for label in labels[:MAX_LABELS]), *more])
    asked = f" The labels: {known}." if known else ""
    return "\n".join(
        [
            "1. Give `queue.csv` to two people, and not this page: they label without knowing what the model said. "
            f"Each fills a column of their own, and leaves empty what is not done yet.{asked}",
            "2. `mlflow-evalplus adjudicate queue.csv --queue queue.jsonl` takes the labels back: how far the two "
            "agree, what is settled, what is open.",
            "3. Train on what is settled, and prove that the new model is better: overall, on these cases, and on all "
            "others.",
        ]
    )
