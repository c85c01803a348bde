"""Why the answers of a candidate fail: one cause a question, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus.results.answers import Answer

if TYPE_CHECKING:
    import pandas as pd

# Causes of a failure, in the order in which they are tried: the first that holds wins.
CAUSES = ("call_error", "truncation", "format", "unstable", "language", "knowledge", "reasoning", "unexplained")


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Why one question failed.

    Attributes
    ----------
    question, cause : str
        `cause` is one of `CAUSES`.
    lost : float
        The points it cost: weight × (1 - value).
    evidence : str
        What was seen: ``its twin L07-en passes``.
    tried : tuple of Answer
        What it was asked again, and answered.
    untried : tuple of str
        Interventions that could not be made: there is no twin, no context, no recorded answer.
    """

    question: str
    cause: str
    lost: float
    evidence: str
    tried: tuple[Answer, ...] = ()
    untried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One cause in one dimension and language.

    Attributes
    ----------
    cause, dimension, language : str
        Empty for all dimensions, all languages.
    n : int
        Failed questions.
    lost : float
        Points.
    share : float
        Of all lost points of the candidate.
    action : str
        What to do: prompt, retrieval, fine-tuning, another model.
    questions : tuple of str
    """

    cause: str
    dimension: str
    language: str
    n: int
    lost: float
    share: float
    action: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FailureCauses:
    """Why a candidate fails; the shares of the rows of one level sum to 1."""

    items: tuple[FailureCause, ...]
    rows: tuple[FailureRow, ...]
    n_calls: int = 0

    @property
    def overall(self) -> tuple[FailureRow, ...]:
        """One row per cause, over all dimensions and languages, in the order of `CAUSES`."""
        return tuple(row for row in self.rows if not row.dimension and not row.language)

    def frame(self) -> pd.DataFrame:
        """Return one row per cause, dimension and language; first column the key, second a summary."""
        import pandas as pd

        rows = [
            ("/".join(filter(None, (row.cause, row.dimension, row.language))),
             f"{row.n} question{'s' * (row.n != 1)}, {100 * row.share:.0f} % of the lost points",
             row.cause, row.dimension, row.language, row.n,
             row.lost, row.share, row.action, ", ".join(row.questions[:5]))
            for row in self.rows
        ]  # fmt: skip
        columns = ["key", "summary", "cause", "dimension", "language", "n", "lost", "share", "action", "examples"]
        return pd.DataFrame(rows, columns=columns)
