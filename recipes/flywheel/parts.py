"""Champion and challenger on three parts: overall, the collected cases, everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from mlflow_evalplus import names
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.results import Difference, Estimate

OVERALL, COLLECTED, REST = "overall", "collected cases", "everything else"
ASKS = {
    OVERALL: "Is it better on the whole?",
    COLLECTED: "Were they fixed?",
    REST: "Did anything break?",
}
Answer = Callable[[pd.DataFrame], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the rows that no model has learnt from.

    Attributes
    ----------
    name : str
        ``overall``, ``collected cases`` (held out of the data set, never trained on) or ``everything else`` (the test).
    n : int
    challenger : Estimate
        Accuracy.
    champion : Estimate or None
    difference : Difference or None
        Accuracy of the challenger less the champion's, paired by rows.
    fixed, broken : int
        Rows that the challenger alone answers right, and that the champion alone does.
    """

    name: str
    n: int
    challenger: Estimate
    champion: Estimate | None = None
    difference: Difference | None = None
    fixed: int = 0
    broken: int = 0

    @property
    def summary(self) -> str:
        """What became of it, in words."""
        if self.difference is None:
            return f"{self.challenger}; there is no champion to compare with"
        d = self.difference
        points = f"{100 * d.value:+.1f} points [{100 * d.lower:+.1f}, {100 * d.upper:+.1f}]".replace("-", "−")
        judged = "better" if d.lower > 0 else "worse" if d.upper < 0 else "not told apart"
        return f"{points}, {judged}: {self.fixed:,} fixed, {self.broken:,} broken of {self.n:,}"


def parts(
    test: pd.DataFrame,
    collected: pd.DataFrame,
    challenger: Answer,
    champion: Answer | None,
    *,
    text: str,
    label: str,
    cluster: str | None = None,
    confidence: float = 0.95,
) -> tuple[Part, ...]:
    """Measure a challenger, and a champion on the very same rows, on all rows and on both parts of them.

    A part without rows is left out, and so is ``overall`` where there is one part only.

    Parameters
    ----------
    test, collected : pandas.DataFrame
        Rows that neither model has learnt from.
    challenger, champion : callable
        Return a prediction for each row of a frame.
    text, label : str
        Columns.
    cluster : str, optional
        Column of rows that belong together; taken for a part all of whose rows have it.
    """
    measured = []
    for name, rows in {COLLECTED: collected, REST: test}.items():
        if not rows.empty:
            answers = {"challenger": list(challenger(rows))} | ({"champion": list(champion(rows))} if champion else {})
            measured.append((name, rows.reset_index(drop=True).assign(**answers)))
    if len(measured) > 1:
        measured.insert(0, (OVERALL, pd.concat([rows for _, rows in measured], ignore_index=True)))
    return tuple(
        _part(name, rows, label, cluster if cluster in rows and rows[cluster].notna().all() else None, confidence)
        for name, rows in measured
    )


def _part(name: str, rows: pd.DataFrame, label: str, cluster: str | None, confidence: float) -> Part:
    rows = rows.assign(__row=[str(i) for i in range(len(rows))])
    found = {
        who: evaluate(rows, label, who, example_id="__row", cluster=cluster, slices=(), confidence=confidence)
        for who in ("challenger", "champion")
        if who in rows
    }
    new = found["challenger"]
    if "champion" not in found:
        return Part(name, len(rows), new.metrics["accuracy"])
    old = found["champion"]
    compared = compare_evaluations(new, old)
    return Part(
        name, len(rows), new.metrics["accuracy"], old.metrics["accuracy"], compared.metrics["accuracy"],
        compared.fixed, compared.broken,
    )  # fmt: skip


def frame(found: Sequence[Part]) -> pd.DataFrame:
    """Return one row per part, with the columns ``names.RETRAIN_COLUMNS``."""
    rows = []
    for part in found:
        row: dict[str, object] = {"part": part.name, "summary": part.summary, "n": part.n}
        for who, estimate in (("champion", part.champion), ("challenger", part.challenger)):
            row |= {f"{who}{end}": getattr(estimate, key, None) for end, key in _BOUNDS.items()}
        row |= {key: getattr(part.difference, key, None) for key in ("lower", "upper")}
        rows.append({**row, "difference": getattr(part.difference, "value", None), "fixed": part.fixed,
                     "broken": part.broken})  # fmt: skip
    return pd.DataFrame(rows, columns=list(names.RETRAIN_COLUMNS))


_BOUNDS = {"": "value", "_lower": "lower", "_upper": "upper"}
