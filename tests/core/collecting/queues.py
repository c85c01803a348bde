"""Queues made by hand, hostile ones among them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.collecting.case_id import case_ids
from mlflow_evalplus.results.queue import Queue, QueuedCase, ReasonCount

HOSTILE = (
    "=HYPERLINK(\"http://x\",\"y\")", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\ufeff=1", "\x00=1", "＝1",
    "＋1", "－1", "＠1", "'=1", "''", "'", "'quoted'", "-", "a,b;c\td", "two\nlines", "two\r\nlines", "old\rmac",
    'double "quotes"', '"', "<script>alert(1)</script>", "</script>", "null\x00byte", "bell\x07\x1b[2J",
    "right\u202eto left\u2066", "line\u2028separator", "no\u00a0break", "👩‍👩‍👧 好评！", "中文，逗号",
    "\ud83d half", "x" * 100_000, "👍" * 40_000, "=" + "y" * 40_000,
)  # fmt: skip


def queue_of(texts: Any, **changes: Any) -> Queue:
    """Return a queue with one case for each text, the first three drawn at random."""
    cases = tuple(
        QueuedCase(
            case_id=id_, text=text, row=row, copies=1 + row % 3, audit=row < 3,
            weight=20.0 if row < 3 else float("nan"), reasons=("audit",) if row < 3 else ("wrong", "low_margin"),
            prediction="negative", challenger="" if row % 2 else "positive", margin=0.1 if row % 2 else float("nan"),
            time="2026-07-01", label="neutral" if row % 2 else "", slices={"channel": text[:40], "=lang": "en"},
        )
        for row, (id_, text) in enumerate(zip(case_ids([t.replace("\ud83d", "") for t in texts]), texts, strict=True))
    )  # fmt: skip
    reasons = tuple(ReasonCount(reason, 40, 4, f"because of {reason}") for reason in names.REASONS)
    return replace(Queue(cases, 1_000, 900, reasons, 7, ("there is no challenger",)), **changes)


def small(n: int = 6) -> Queue:
    """Return a queue of `n` messages."""
    return queue_of([f"message {number}" for number in range(n)])
