"""Gates and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from mlflow_evalplus.results.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd


class Outcome(str, Enum):
    """The three outcomes of a gate, and of a verdict."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Gate:
    """One threshold of the requirements, held against its estimate.

    Attributes
    ----------
    requirement : str
        In words: ``recall of negative at least 0.92``.
    estimate : Estimate or None
        What was measured; for a non-inferiority gate the paired difference; None where nothing was.
    n_needed : int or None
        Examples at which the present value's bound would decide; None where it is decided, or where
        no number would.
    where : str
        The slice that it is about, ``channel=app``; empty for all examples.
    of_class : str
        The label whose examples it counts; empty for examples of any label.
    relative : bool
        Whether the estimate is a difference from the baseline.
    """

    requirement: str
    outcome: Outcome
    reason: str
    estimate: Estimate | None = None
    n_needed: int | None = None
    where: str = ""
    of_class: str = ""
    relative: bool = False

    @property
    def n_more(self) -> int | None:
        """How many more labelled examples would decide it, in its slice and of its class; None where none would."""
        if self.n_needed is None:
            return None
        return max(self.n_needed - (self.estimate.n if self.estimate else 0), 1)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What to label so that open gates are decided.

    Attributes
    ----------
    where : str
        The slice to sample, ``channel=app``; empty for examples as they come.
    n_more : int
        Labelled examples, about.
    text : str
        The same as an instruction.
    """

    where: str
    n_more: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Pass, fail or undecided, with every gate's reason.

    Fail if a gate fails; else undecided if a gate is undecided or there is no gate; else pass. `notes` say what
    to know before relying on it; `plan` what to label to decide what is open, the whole first, then the slices;
    `baseline` what differences are from, empty where there was none.
    """

    outcome: Outcome
    gates: tuple[Gate, ...]
    notes: tuple[str, ...] = ()
    plan: tuple[Sampling, ...] = ()
    baseline: str = ""

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        count = {o: sum(gate.outcome is o for gate in self.gates) for o in Outcome}
        if not self.gates:
            return "UNDECIDED: no threshold was given."
        if self.outcome is Outcome.PASS:
            what = f"all {len(self.gates)} requirements are" if len(self.gates) > 1 else "the requirement is"
            return f"PASS: {what} cleared by the interval's bound."
        worst = next(gate for gate in self.gates if gate.outcome is self.outcome)
        counts = ", ".join(f"{k} {o}" for o, k in count.items() if k)
        return f"{self.outcome.value.upper()} ({counts}): {worst.reason}"

    def frame(self) -> pd.DataFrame:
        """Return one row per gate: requirement, outcome, reason, n_needed."""
        import pandas as pd

        rows = [(g.requirement, g.outcome.value, g.reason, g.n_needed) for g in self.gates]
        return pd.DataFrame(rows, columns=["requirement", "outcome", "reason", "n_needed"])


NO_VERDICT = Verdict(Outcome.UNDECIDED, ())
