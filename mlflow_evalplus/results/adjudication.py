"""What the annotators made of a queue: accepted labels, disagreements, and what is wrong with the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus.results.labels import LabelQuality

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

HOW = ("agreed", "adjudicated", "majority")
STATES = ("disputed", "partly", "unfilled")
PROBLEMS = (
    "unknown_label", "edited_text", "repeated_id", "unknown_id", "missing_id", "shifted_row", "lost_row",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AcceptedCase:
    """A case whose label is settled.

    Attributes
    ----------
    case_id, text, label : str
        The text is the queue's, not the returned file's.
    how : str
        ``agreed`` (two votes or more, all alike), ``adjudicated`` (somebody decided, where they differed or against
        them), or, where it was asked for, ``majority`` (more than half of three votes or more).
    votes : dict of str to str
        Annotator → label, ``?`` of who could not tell; without those that did not vote.
    audit : bool
    weight : float
    copies : int
    reasons : tuple of str
    prediction, time : str
    slices : dict of str to str
        As in `QueuedCase`.
    """

    case_id: str
    text: str
    label: str
    how: str
    votes: dict[str, str]
    audit: bool
    weight: float
    copies: int
    reasons: tuple[str, ...]
    prediction: str = ""
    time: str = ""
    slices: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case without a label yet.

    Attributes
    ----------
    case_id, text : str
    state : str
        ``disputed`` (two votes or more that differ, or cannot be told or read), ``partly`` filled (one vote) or
        ``unfilled``.
    votes : dict of str to str
        As in `AcceptedCase`.
    note : str
        What the annotators noted.
    slices : dict of str to str
    audit : bool
        As in `QueuedCase`.
    """

    case_id: str
    text: str
    state: str
    votes: dict[str, str]
    note: str = ""
    slices: dict[str, str] | None = None
    audit: bool = False


@dataclass(frozen=True, slots=True)
class QueueProblem:
    """What is wrong with a row of a returned file, or with one of its votes; what is wrong decides nothing.

    Attributes
    ----------
    kind : str
        ``unknown_label``, ``unknown_id``, ``missing_id``, ``edited_text``, ``repeated_id`` (with other votes),
        ``shifted_row`` (it has more cells than the header) or ``lost_row`` (the queue has it, no file does).
    case_id : str
        As the file has it; empty where it has none.
    sentence : str
        What was found, where (file and line), and what to do.
    """

    kind: str
    case_id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Adjudication:
    """A queue that came back.

    Attributes
    ----------
    n : int
        Cases of the queue.
    annotators, labels : tuple of str
    accepted : tuple of AcceptedCase
    open : tuple of OpenCase
        In the order of the queue; `accepted` and `open` together are all of its cases.
    problems : tuple of QueueProblem
    quality : LabelQuality or None
        Agreement and its intervals over the cases with two votes or more; None where there is none. Most cases of a
        queue were chosen because they are hard: of all that customers write it says less than `audit_quality`.
    sentence : str
        What it comes to, and what to do next.
    audit_quality : LabelQuality or None
        The same of the cases that were drawn at random, by their weights; None with fewer than 30 of them.
    notes : tuple of str
        What was assumed or could not be checked, and decisions against annotators who agreed.
    """

    n: int
    annotators: tuple[str, ...]
    labels: tuple[str, ...]
    accepted: tuple[AcceptedCase, ...]
    open: tuple[OpenCase, ...]
    problems: tuple[QueueProblem, ...]
    quality: LabelQuality | None
    sentence: str
    audit_quality: LabelQuality | None = None
    notes: tuple[str, ...] = ()

    @property
    def by_how(self) -> dict[str, int]:
        """How labels were settled → number of cases; only what occurs."""
        return _counted(HOW, [case.how for case in self.accepted])

    @property
    def by_state(self) -> dict[str, int]:
        """State of the open cases → number of cases; only what occurs."""
        return _counted(STATES, [case.state for case in self.open])

    @property
    def by_kind(self) -> dict[str, int]:
        """Kind of problem → number of problems; only what occurs."""
        return _counted(PROBLEMS, [problem.kind for problem in self.problems])

    def frame(self) -> pd.DataFrame:
        """Return the accepted rows with the columns ``names.ACCEPTED_COLUMNS``, then ``slice.<name>``."""
        import pandas as pd

        from mlflow_evalplus import names

        rows = []
        for case in self.accepted:
            own = {name: getattr(case, name) for name in names.ACCEPTED_COLUMNS if name != "reasons"}
            sliced = {f"slice.{name}": value for name, value in (case.slices or {}).items()}
            rows.append({**own, "reasons": ", ".join(case.reasons), **sliced})
        columns = [*names.ACCEPTED_COLUMNS, *dict.fromkeys(c for row in rows for c in row if c.startswith("slice."))]
        return pd.DataFrame(rows, columns=columns)


def _counted(known: Sequence[str], found: Sequence[str]) -> dict[str, int]:
    return {name: found.count(name) for name in known if name in found}
