"""Queues and what their annotators return."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import pandas as pd

from mlflow_evalplus.core.collecting.queue_sheet import csv_text
from mlflow_evalplus.results.queue import Queue, QueuedCase

NAN = float("nan")
HOSTILE = (
    "=1+1", "'=1+1", "+49 30 123", "-", "@home", "\tno", "a,b;c\t\"d\"", "two\r\nlines", "nul\0byte",
    "<script>x</script>", "\u202eevil", "👍🏽", "快递还没到，急！", "x" * 100_000, "'", "  spaces  ", "caf\u00e9",
    "1/2", "None", "NA",
)  # fmt: skip


def queue_of(texts: Sequence[str], *, audit: int = 0, labels: Sequence[str] = ("neg", "pos")) -> Queue:
    """Return a queue of these texts; the first `audit` are random ones, predictions are the labels in turn."""
    cases = [
        QueuedCase(
            f"c{place:03}", text, place, 1, place < audit, 5.0 if place < audit else NAN,
            ("audit",) if place < audit else ("low_margin",),
            prediction=labels[place % len(labels)] if labels else "", slices={"channel": "app" if place % 2 else "web"},
        )
        for place, text in enumerate(texts)
    ]  # fmt: skip
    return Queue(tuple(cases), 10 * len(cases), 9 * len(cases), (), 0)


def small(n: int = 6, **options: int) -> Queue:
    """Return a queue of `n` plain texts."""
    return queue_of([f"text number {place}" for place in range(n)], **options)  # type: ignore[arg-type]


def filled(queue: Queue, **columns: Sequence[str | None] | Mapping[str, str]) -> pd.DataFrame:
    """Return the queue's rows with votes, of all cases in order or of some by id; the others are blank."""
    ids = [case.case_id for case in queue.cases]
    votes = {
        name: [given.get(one, "") for one in ids] if isinstance(given, Mapping) else _padded(given, len(ids))
        for name, given in columns.items()
    }  # fmt: skip
    return pd.DataFrame({"case_id": ids, "text": [case.text for case in queue.cases], **votes})


def sheet(queue: Queue, votes: Mapping[str, Mapping[str, str]], annotators: Sequence[str]) -> list[list[str]]:
    """Return the cells of the CSV that was handed out, with votes (case → column → label) filled in."""
    rows = list(csv.reader(io.StringIO(csv_text(queue, annotators).lstrip("\ufeff"), newline="")))
    header = rows[0]
    for row in rows[1:]:
        for name, vote in votes.get(row[0], {}).items():
            row[header.index(name)] = vote
    return rows


def written(rows: Sequence[Sequence[str]], separator: str = ",", line_end: str = "\r\n") -> str:
    """Return cells as a spreadsheet saves them: quotes only where they are needed."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=line_end).writerows(rows)
    return out.getvalue()


def _padded(given: Sequence[str | None], n: int) -> list[str | None]:
    return [*given, *[None] * (n - len(given))]
