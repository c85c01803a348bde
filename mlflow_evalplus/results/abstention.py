"""What a model is worth that leaves to a person what it is not sure of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Drawable, Estimate, number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class AbstentionPoint:
    """The examples that are answered where the highest score must be at least `threshold`.

    Attributes
    ----------
    threshold : float
        0 where all are answered.
    coverage : Estimate
        Share of all examples that is answered; its ``n`` is all examples.
    accuracy : Estimate
        Of the answers; its ``n`` is the answered examples.
    """

    threshold: float
    coverage: Estimate
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Abstention(Drawable):
    """Accuracy against coverage, and the threshold that reaches the launch accuracy.

    Attributes
    ----------
    points : tuple of AbstentionPoint
        From all examples answered to the fewest; each answers at least 2 % of the examples less than the one before.
    aurc : float
        Area under the risk-coverage curve: the error rate of the answers, averaged over all coverages; lower is better.
    aurc_oracle : float
        The same if every wrong answer were less sure than every right one.
    launch : float or None
        The accuracy that was asked for.
    choice : AbstentionPoint or None
        The point of the largest coverage whose accuracy is shown to be at least `launch`; None where there is none.
    nearest : AbstentionPoint or None
        Without a choice, the point that the smallest multiple of the rows would show, else that with the best bound;
        None where no accuracy lies above `launch`.
    n_needed : int or None
        Labelled examples in all that this takes if the figures stay; None where no multiple up to 1,000 shows one.
    """

    points: tuple[AbstentionPoint, ...]
    aurc: float
    aurc_oracle: float
    launch: float | None = None
    choice: AbstentionPoint | None = None
    nearest: AbstentionPoint | None = None
    n_needed: int | None = None

    @property
    def partial(self) -> AbstentionPoint | None:
        """The choice where it leaves some examples to a person."""
        return self.choice if self.choice and self.choice.threshold > 0 else None

    def frame(self) -> pd.DataFrame:
        """Return one row per point, in the columns of ``names.ABSTENTION_COLUMNS``."""
        import pandas as pd

        rows = [
            (
                sureness(p.threshold), f"answered {number(p.coverage.value)}, right {p.accuracy}", p.threshold,
                p.accuracy.n, *(x for e in (p.coverage, p.accuracy) for x in (e.value, e.lower, e.upper)),
                p == self.choice,
            )
            for p in self.points
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.ABSTENTION_COLUMNS))


def sureness(threshold: float) -> str:
    """Return a threshold in words.

    Examples
    --------
    >>> sureness(0.87), sureness(0.9995), sureness(0)
    ('at least 87 % sure', 'at least 99.95 % sure', 'all')
    """
    return f"at least {100 * threshold:.10g} % sure" if threshold > 0 else "all"
