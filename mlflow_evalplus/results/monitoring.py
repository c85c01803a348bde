"""A model in production, window of time by window of time: how good, what changed, what raises an alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Any

from mlflow_evalplus.results.comparison import Difference
from mlflow_evalplus.results.difference import MixRate
from mlflow_evalplus.results.estimate import Drawable, Estimate
from mlflow_evalplus.results.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Alert:
    """One gate of the monitor, held against one window.

    Attributes
    ----------
    requirement : str
        In words: ``accuracy at least 0.8``.
    outcome : Outcome
        ``fail`` raises the alert; ``undecided`` where an asked gate cannot be told apart from its bound, or nothing
        was measured. What is not asked for but watched by default is ``pass`` unless it raises.
    reason : str
        With the figures.
    metric, column : str
        ``accuracy``, ``recall[negative]``, ``estimated_accuracy``, ``psi``, ``js``, ``new_terms``, ``n_labelled``; the
        column of ``psi`` and ``js``.
    value, lower, upper : float
        Of the metric; of a gate on its drop the drop, above 0 where the window is worse than the reference.
    p_value : float
        nan where no test was made.
    asked : bool
        Whether requirements.yaml names it; else it is one of the defaults.
    """

    requirement: str
    outcome: Outcome
    reason: str
    metric: str
    column: str = ""
    value: float = nan
    lower: float = nan
    upper: float = nan
    p_value: float = nan
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Shift:
    """How far the mix of one column (``prediction``, ``label`` or a slice column) is from the reference's.

    Attributes
    ----------
    column : str
    psi : float
        Population stability index, with half a row added to each count; rare values are taken together.
    js : float
        Jensen–Shannon divergence, base 2: 0 to 1.
    p_value, q_value : float
        Of the χ² test; after Benjamini and Hochberg over the columns of the window. nan for a column of one value.
    value : str
        What changed most, with its shares.
    share, share_reference : float
    n : int
    """

    column: str
    psi: float
    js: float
    p_value: float
    q_value: float
    value: str
    share: float
    share_reference: float
    n: int


@dataclass(frozen=True, slots=True)
class NewTerm:
    """A word or phrase that the window has more often than the reference.

    Attributes
    ----------
    term : str
    n, n_reference : int
        Texts that hold it.
    share, share_reference : float
    q_value : float
        One-sided exact test, after Benjamini and Hochberg over all terms of the window.
    unseen : bool
        Whether no text of the reference holds it.
    accuracy : Estimate or None
        On the window's labelled rows that hold it; None where none is labelled.
    """

    term: str
    n: int
    n_reference: int
    share: float
    share_reference: float
    q_value: float
    unseen: bool
    accuracy: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of one window of time.

    Attributes
    ----------
    name : str
        ``2025-07``, ``2025-W27``, ``2025-07-01``, ``rows 1,001 to 2,000``.
    start, end : str
        Times of the first and the last row; empty without a time column.
    n, n_labelled : int
        Rows, and those whose label is known and counts for the accuracy: with an audit column those of the audit.
    metrics : dict of str to Estimate
        Of the labelled rows: ``accuracy``, ``f1_macro``, ``recall[negative]`` …; empty where there are none.
    estimated : Estimate or None
        The accuracy by calibrated confidence, of all rows, labelled or not; None without scores.
    drop : Difference or None
        Accuracy less the reference's, from two independent samples.
    estimated_drop : Difference or None
        The same of the estimated accuracy.
    mix_rate : MixRate or None
        Where the drop comes from: other customers (mix) or worse answers (rate), by the slice column whose mix explains
        most of it.
    shifts : tuple of Shift
        The largest first.
    terms : tuple of NewTerm
        Those with q below 0.05 that are unseen, or twice as frequent by two points; the most frequent first.
    alerts : tuple of Alert
    """

    name: str
    start: str
    end: str
    n: int
    n_labelled: int
    metrics: dict[str, Estimate]
    estimated: Estimate | None
    drop: Difference | None = None
    estimated_drop: Difference | None = None
    mix_rate: MixRate | None = None
    shifts: tuple[Shift, ...] = ()
    terms: tuple[NewTerm, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Fail if an alert is raised; else undecided if an asked gate is undecided; else pass."""
        outcomes = [alert.outcome for alert in self.alerts]
        return next((o for o in (Outcome.FAIL, Outcome.UNDECIDED) if o in outcomes), Outcome.PASS)


@dataclass(frozen=True, slots=True)
class Monitoring(Drawable):
    """A log, window by window, held against a reference.

    Attributes
    ----------
    reference : Window
    windows : tuple of Window
        Oldest first; the reference's own windows are not among them.
    confidence : float
    notes : tuple of str
        What could not be looked at, and why.
    scored : bool
        Whether the log has scores; the accuracy is estimated by them only where the reference calibrates them.
    texts : pyarrow.ChunkedArray or None
        Those of the log and the reference, which tell whether a new word is of a person; they are not logged.
    """

    reference: Window
    windows: tuple[Window, ...]
    confidence: float = 0.95
    notes: tuple[str, ...] = ()
    scored: bool = False
    texts: Any = field(default=None, repr=False, compare=False)

    @property
    def last(self) -> Window:
        """The newest window: its alerts decide."""
        return self.windows[-1]
