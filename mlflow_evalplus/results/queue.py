"""The cases of a production log that are worth a label: the queue that annotators get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class QueuedCase:
    """One text to label, which stands for all rows of the log that are near copies of it.

    Attributes
    ----------
    case_id : str
        Made of its text without case, spaces and width: the same text has it in every log.
    text : str
    row : int
        Its row in the log, from 0.
    copies : int
        Rows of the log that are near copies of it, itself among them: those that the label serves.
    audit : bool
        Whether it was drawn at random, whatever the model said of it: only such cases estimate how good the model is.
    weight : float
        Rows of the log that it stands for in such an estimate; nan where it was not drawn at random. A text that was
        drawn several times is one case, whose weight is that of all.
    reasons : tuple of str
        Of ``names.REASONS``: first the one for which it was chosen (``audit`` for those drawn at random), then the
        others that hold for its row.
    prediction, challenger : str
        What champion and challenger answered; empty where that is not known.
    margin : float
        Between the two highest scores; nan without scores.
    time : str
        As the log has it; empty without a time column.
    label : str
        What feedback says the label is; empty where nobody said.
    slices : dict of str to str
        Slice column → value.
    """

    case_id: str
    text: str
    row: int
    copies: int
    audit: bool
    weight: float
    reasons: tuple[str, ...]
    prediction: str = ""
    challenger: str = ""
    margin: float = float("nan")
    time: str = ""
    label: str = ""
    slices: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many rows of the log a reason holds for, and how many of the queued cases were chosen for it.

    For ``audit`` the rows are those from which was drawn. `why` says in words what the reason is, with the figures it
    was judged by.
    """

    reason: str
    n_rows: int
    n_cases: int
    why: str


@dataclass(frozen=True, slots=True)
class Queue:
    """The cases chosen from a production log.

    Attributes
    ----------
    cases : tuple of QueuedCase
        In the order in which to label them: those that serve most rows first, the random ones strewn among them, so
        that the place tells nothing of the reason.
    n_rows : int
        Rows of the log, also those without a text.
    n_texts : int
        Different texts among them, near copies taken as one.
    reasons : tuple of ReasonCount
    seed : int
        Of what was drawn at random.
    notes : tuple of str
        Which rows were left out, and which reasons could not be looked at: there are no scores, no challenger, …
    labels : tuple of str
        The permitted ones, as the header of ``queue.jsonl`` names them; empty where nobody named any.
    """

    cases: tuple[QueuedCase, ...]
    n_rows: int
    n_texts: int
    reasons: tuple[ReasonCount, ...]
    seed: int
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def n_audit(self) -> int:
        """Cases that were drawn at random."""
        return sum(case.audit for case in self.cases)

    def frame(self) -> pd.DataFrame:
        """Return one row per case, with the columns ``names.QUEUE_COLUMNS``, then ``slice.<name>``."""
        import pandas as pd

        from mlflow_evalplus import names

        rows = []
        for case in self.cases:
            own = {name: getattr(case, name) for name in names.QUEUE_COLUMNS if name != "reasons"}
            sliced = {f"slice.{name}": value for name, value in (case.slices or {}).items()}
            rows.append({**own, "reasons": ", ".join(case.reasons), **sliced})
        columns = [*names.QUEUE_COLUMNS, *dict.fromkeys(c for row in rows for c in row if c.startswith("slice."))]
        return pd.DataFrame(rows, columns=columns)
