"""What each keyword rule on top of a model does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.comparison import Difference
from mlflow_evalplus.results.difference import points
from mlflow_evalplus.results.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = {
    "drop": "drop",
    "keep": "keep",
    "undecided": "no evidence either way",
    "idle": "changes nothing",
    "never_fired": "never fired",
}


@dataclass(frozen=True, slots=True)
class RuleMoves:
    """The answers that rules move.

    Attributes
    ----------
    changed : int
        Rows with another answer.
    fixed, broken : int
        Those among them that become right, and wrong. One wrong answer for another is neither.
    """

    changed: int
    fixed: int
    broken: int


@dataclass(frozen=True, slots=True)
class RuleSlice:
    """A slice in which a rule surely breaks more than it fixes.

    Attributes
    ----------
    name : str
        ``channel=app``.
    fixed, broken : int
    q_value : float
        Over all rules and slices in which one fixes or breaks anything.
    """

    name: str
    fixed: int
    broken: int
    q_value: float


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What one rule does beside all the others: the answers with all rules against those without this one.

    Attributes
    ----------
    number : int
        Its place in the list of rules, from 1.
    pattern, label : str
    weight : float or None
        What it adds to the log-odds of its label; None where it decides.
    fired : int
        Rows that its pattern matches.
    share : float
        Of all rows, 0 … 1, by weight where rows are weighted.
    moves : RuleMoves
        What would be otherwise without it.
    net : Difference
        What it does to accuracy; its p-value is exact (McNemar), of clustered or weighted rows that of the sign test
        and of the total, whichever is larger; nan where it fixes and breaks nothing.
    q_value : float
        Over all rules.
    alone : RuleMoves
        What it would do as the only rule. Of two that back each other up, each changes nothing beside the other.
    slices : tuple of RuleSlice
        At most five, the most broken first.
    verdict : str
        A key of `VERDICTS`: ``keep`` and ``drop`` need q < 0.05, ``idle`` rules fire and change no answer.
    fixed_examples, broken_examples : tuple of str
        Ids of at most 20 of those rows, those first of which the model was surest before the rules.
    """

    number: int
    pattern: str
    label: str
    weight: float | None
    fired: int
    share: float
    moves: RuleMoves
    net: Difference
    q_value: float
    alone: RuleMoves
    slices: tuple[RuleSlice, ...]
    verdict: str
    fixed_examples: tuple[str, ...]
    broken_examples: tuple[str, ...]

    @property
    def effect(self) -> str:
        """``negative +1.5``; without a sign where the rule decides: ``= negative``."""
        return f"= {self.label}" if self.weight is None else f"{self.label} {self.weight:+g}"

    @property
    def summary(self) -> str:
        """``drop: fired 40, fixed 1, broke 12, -1.8 [-3.1, -0.6] points``."""
        moves = self.moves
        counts = f"fired {self.fired:,}, fixed {moves.fixed:,}, broke {moves.broken:,}"
        if not self.fired:
            return VERDICTS[self.verdict]
        return f"{VERDICTS[self.verdict]}: {counts}, {points(self.net)} points"


@dataclass(frozen=True, slots=True)
class RuleEffects:
    """What keyword rules do on top of a model.

    Attributes
    ----------
    n : int
        Rows.
    base : str
        What the rules stand on: ``base`` (scores before the rules), ``score`` (the scores of a model without rules)
        or ``prediction`` (answers without scores).
    base_accuracy, accuracy : Estimate
        Without any rule, and with all of them.
    fired : int
        Rows that at least one pattern matches.
    moves : RuleMoves
        What all rules do together.
    net : Difference
        ``accuracy`` less ``base_accuracy``, paired.
    rules : tuple of RuleEffect
        In the given order; those for labels that the model does not know are left out.
    notes : tuple of str
        What a reader must know.
    """

    n: int
    base: str
    base_accuracy: Estimate
    accuracy: Estimate
    fired: int
    moves: RuleMoves
    net: Difference
    rules: tuple[RuleEffect, ...]
    notes: tuple[str, ...] = ()

    def of(self, verdict: str) -> tuple[RuleEffect, ...]:
        """Return the rules with one verdict, for example ``of("drop")``; the largest effect first."""
        found = [rule for rule in self.rules if rule.verdict == verdict]
        return tuple(sorted(found, key=lambda rule: (-abs(rule.net.value), -rule.alone.changed, rule.number)))

    def frame(self) -> pd.DataFrame:
        """Return one row per rule, in the columns ``names.RULE_COLUMNS``.

        Its key is pattern and label, so that runs line up whatever the order of their rules; the same once more is
        numbered.
        """
        import pandas as pd

        keys = [f"{rule.pattern} → {rule.label}" for rule in self.rules]
        before = [keys[:place].count(key) for place, key in enumerate(keys)]
        rows = [
            (f"{key} ({1 + n})" if n else key, row.summary, row.number, row.pattern, row.label, row.weight, row.verdict,
             row.fired, row.share, row.moves.changed, row.moves.fixed, row.moves.broken, row.net.value, row.net.lower,
             row.net.upper, row.net.p_value, row.q_value, row.alone.changed, row.alone.fixed, row.alone.broken,
             ", ".join(part.name for part in row.slices), ", ".join(row.fixed_examples), ", ".join(row.broken_examples))
            for key, n, row in zip(keys, before, self.rules, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.RULE_COLUMNS)).astype({"weight": "Float64"})
