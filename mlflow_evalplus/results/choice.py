"""Which of several evaluations to take, and which of them no other one beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


MAX_NAMED = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the evaluations that were chosen from.

    Attributes
    ----------
    name : str
    cleared : bool
        Its verdict is pass.
    score : float
        0 … 1, the weighted mean of its metrics, each scaled to 0 … 1; nan where one is not known.
    values : dict of str to float
        The metrics that have a weight, in their own units.
    tied : bool
        Its score cannot be told apart from the winner's with these examples.
    """

    name: str
    cleared: bool
    score: float
    values: dict[str, float]
    tied: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Which evaluation to take, by what, and how sure that is.

    Attributes
    ----------
    winner, reason : str
        Its name, and why it in words.
    priority : str
        ``accuracy``, ``fluency``, ``stability`` or ``cost``; ``weights`` where these were given.
    weights : dict of str to float
        Metric → how much it counts; they sum to 1.
    candidates : tuple of Candidate
        Those that were ranked, the best first: those that pass, or all where none does.
    cheaper : str
        Of the winner and those tied with it, the one that is cheaper to run beyond doubt; empty where there is none.
    """

    winner: str
    reason: str
    priority: str
    weights: dict[str, float]
    candidates: tuple[Candidate, ...]
    cheaper: str = ""

    @property
    def ties(self) -> tuple[str, ...]:
        """Those that cannot be told apart from the winner."""
        return tuple(candidate.name for candidate in self.candidates if candidate.tied)

    @property
    def sentence(self) -> str:
        """What chose, in a sentence."""
        weights = ", ".join(f"{weight:.0%} {metric}" for metric, weight in self.weights.items())
        return f"Chosen by {weights} (priority: {self.priority})."

    def frame(self) -> pd.DataFrame:
        """Return one row per candidate: name, cleared, score, tied, then each metric that has a weight."""
        import pandas as pd

        rows = [{"name": c.name, "cleared": c.cleared, "score": c.score, "tied": c.tied} | c.values
                for c in self.candidates]  # fmt: skip
        return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class Family:
    """Several runs on the same examples, tested as one family.

    Attributes
    ----------
    metric : str
        What was tested.
    p_holm : dict of str to float
        Run → p-value of its difference from the baseline, after Holm over the runs; the baseline is not in it.
    beaten_by : dict of str to tuple of str
        Run → runs that are better than it, after Holm over all pairs.
    n_pairs : int
    confidence : float
    """

    metric: str
    p_holm: dict[str, float]
    beaten_by: dict[str, tuple[str, ...]]
    n_pairs: int
    confidence: float

    @property
    def unbeaten(self) -> tuple[str, ...]:
        """The runs that no other one beats."""
        return tuple(name for name, better in self.beaten_by.items() if not better)

    @property
    def sentence(self) -> str:
        """Which runs are not beaten, in a sentence."""
        pairs = f"{self.n_pairs} pair" + "s" * (self.n_pairs > 1)
        what, names = self.metric.replace("_", " "), list(self.unbeaten)
        more = [f"and {len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
        listed = ", ".join(names[:MAX_NAMED] + more)
        return f"Not beaten in {what} by any other ({self.confidence:.0%}, Holm over {pairs}): {listed}."
