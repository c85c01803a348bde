"""The rows that were chosen → the cases of a queue, in the order in which to label them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.collecting.case_id import ids_of
from mlflow_evalplus.core.collecting.choice import Drawn, Groups
from mlflow_evalplus.core.collecting.log import Log
from mlflow_evalplus.core.collecting.reasons import Signal
from mlflow_evalplus.core.columns import FloatArray, IntArray
from mlflow_evalplus.results.queue import QueuedCase


def strewn(drawn: Sequence[Drawn], groups: Groups, ties: FloatArray, rng: np.random.Generator) -> list[Drawn]:
    """Return the cases in the order in which to label them.

    Those chosen for a reason by how many rows they serve, so that their place tells nothing of the reason; those drawn
    at random, in the order of the draw, at random places among them.
    """
    audit = [one for one in drawn if one.times]
    others = sorted(
        (one for one in drawn if not one.times), key=lambda one: (-groups.copies[one.group], ties[one.group])
    )
    places = set(rng.choice(len(drawn), len(audit), replace=False).tolist())
    rest = {True: iter(audit), False: iter(others)}
    return [next(rest[place in places]) for place in range(len(drawn))]


def queued(
    log: Log, groups: Groups, found: Sequence[Signal], drawn: Sequence[Drawn], weight: float
) -> Iterator[QueuedCase]:
    """Yield the cases; `weight` is the rows that each row drawn at random stands for."""
    rows = np.array([one.row for one in drawn], dtype=np.int64)
    ids = ids_of(log.digests[log.text[rows]])
    texts, times = _taken(log.raw, rows), _taken(log.time, rows)
    answers = [_named(log, codes, rows) for codes in (log.prediction, log.challenger, log.label)]
    sliced = {column: _taken(values, rows) for column, values in log.slices.items()}
    for place, one in enumerate(drawn):
        row = one.row
        held = [signal.reason for signal in found if signal.scores[row] > 0 and signal.reason != one.reason]
        yield QueuedCase(
            ids[place], texts[place], int(log.rows[row]), int(groups.copies[one.group]), one.times > 0,
            weight * one.times if one.times else float("nan"), (one.reason, *held),
            answers[0][place], answers[1][place],
            float("nan") if log.margin is None else float(log.margin[row]), times[place], answers[2][place],
            {column: values[place] for column, values in sliced.items()} or None,
        )  # fmt: skip


def _taken(values: pa.ChunkedArray | None, rows: IntArray) -> list[str]:
    if values is None:
        return [""] * len(rows)
    return ["" if value is None else value for value in values.take(pa.array(rows)).to_pylist()]


def _named(log: Log, codes: IntArray | None, rows: IntArray) -> list[str]:
    return [
        "" if code < 0 else log.answers[code] for code in (np.full(len(rows), -1) if codes is None else codes[rows])
    ]
