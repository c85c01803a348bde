"""What several judges say, put together: whom they prefer, and how far they agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlflow_evalplus.results.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate's strength by pairwise judgements (Bradley–Terry): the log odds against the mean one.

    `tied` are those that it cannot be told apart from, the strongest first.
    """

    name: str
    strength: Estimate
    wins: float
    losses: float
    ties: float
    tied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judging:
    """How far several judges agree (Krippendorff's α), and how many of the verdicts that were asked are unusable."""

    judges: tuple[str, ...]
    agreement: Estimate | None
    n_verdicts: int
    n_unusable: int
    flipped: float = math.nan  # share of pairs whose verdict changes with the order; nan where no pair was judged
