"""What is common to production logs that are made of requests and answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from mlflow_evalplus.core.columns import half_a_pair
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.tracking.collecting.payloads import Row

TRACES = "traces:"


@dataclass(frozen=True)
class Log:
    """A production log as rows.

    Attributes
    ----------
    frame : pandas.DataFrame
        Of an inference table and of traces: ``text``, ``prediction``, where there are any ``score.<label>``, ``time``
        (ISO 8601, UTC), of traces ``trace_id`` and ``label`` (what assessments say), then whatever else a row tells.
    source : str
        Where it was read from.
    kind : str
        ``file``, ``inference table`` or ``traces``.
    digest : str
        Of its content.
    notes : tuple of str
        What was left out, and why.
    experiment_id : str
        Of traces.
    """

    frame: pd.DataFrame
    source: str
    kind: str
    digest: str
    notes: tuple[str, ...] = ()
    experiment_id: str = ""

    @property
    def scores(self) -> dict[str, str]:
        """Label → the column ``score.<label>``."""
        names = (str(name) for name in self.frame.columns)
        return {name.removeprefix("score."): name for name in names if name.startswith("score.")}


def paired(asked: list[Row], said: list[Row], left_out: Counter[str]) -> Iterator[Row]:
    """Yield the rows of one request with their answers; what cannot be told is counted in `left_out`."""
    if len(asked) != len(said):
        left_out["have another number of answers than of texts"] += 1
        return
    for question, answer in zip(asked, said, strict=True):
        if question["text"] is None:
            left_out["hold no text"] += 1
        elif answer["prediction"] is None:
            left_out["have no answer"] += 1
        else:
            yield {**question, **answer}


def frame_of(rows: list[Row], what: str, left_out: Mapping[str, int], text: str | None) -> pd.DataFrame:
    """Return the rows as a data frame with ``text``, ``prediction`` and scores first.

    Raises
    ------
    DataError
        There are none; the message says why. One holds half of a surrogate pair.
    """
    if not rows:
        why = "; ".join(f"{n:,} {words}" for words, n in left_out.items()) or "there are none"
        named = f"--text {text}" if text else "--text FIELD, --prediction FIELD"
        raise DataError(f"no {what} holds a text with its answer ({why}); name their fields ({named})")
    try:
        frame = pd.DataFrame(rows)
    except UnicodeEncodeError as error:
        raise half_a_pair(error) from None
    first = ["text", "prediction", *sorted(c for c in frame.columns if str(c).startswith("score."))]
    return frame[[*first, *(c for c in frame.columns if c not in first)]]


def notes_of(left_out: Mapping[str, int], n: int, what: str) -> tuple[str, ...]:
    """Return a sentence for each reason for which requests were left out."""
    return tuple(f"{count:,} of {n:,} {what} {words}; they are left out" for words, count in left_out.items() if count)


def iso(milliseconds: float) -> str:
    """Return a time, in milliseconds since 1970, as ISO 8601 in UTC.

    Examples
    --------
    >>> iso(1_700_000_000_000)
    '2023-11-14T22:13:20.000Z'
    """
    return pd.Timestamp(int(milliseconds), unit="ms").isoformat(timespec="milliseconds") + "Z"
