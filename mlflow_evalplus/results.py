"""What an evaluation answers: frozen dataclasses of builtin types.

Each table has ``.frame()`` (pandas) and each picture ``.figure()`` (matplotlib).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from mlflow_evalplus import names
from mlflow_evalplus.requirements import Requirements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Drawable:
    """A result that has a picture. The one arrow from this room to the right, and it is bound late."""

    __slots__ = ()

    def figure(self) -> Figure:
        """Return a matplotlib figure, about 340 pixels wide when saved at 100 dpi."""
        return cast("Figure", import_module("mlflow_evalplus.render").figure(self))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value with its confidence interval.

    Attributes
    ----------
    value, lower, upper : float
        In the metric's own unit; ``nan`` where the metric is undefined.
    n : int
        Examples behind it: all for accuracy, those of the class for its recall.
    small_support : bool
        A class that it needs has fewer than 5 examples, or a metric over all classes rests on fewer than 5
        errors, or there are fewer than 5 clusters behind it: the interval may be too narrow.

    Examples
    --------
    >>> print(Estimate(0.9, 0.85, 0.93, 200))
    0.900 [0.850, 0.930] n=200
    """

    value: float
    lower: float
    upper: float
    n: int
    small_support: bool = False

    @property
    def defined(self) -> bool:
        """Whether the metric has a value at all."""
        return not math.isnan(self.value)

    def __str__(self) -> str:
        if not self.defined:
            return f"undefined n={self.n}"
        return f"{number(self.value)} [{number(self.lower)}, {number(self.upper)}] n={self.n}"


def number(value: float) -> str:
    """Return three decimals, or three significant digits from 10 on.

    Examples
    --------
    >>> number(0.91349), number(1234.5), number(float("nan"))
    ('0.913', '1,234', '–')
    """
    if math.isnan(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


@dataclass(frozen=True, slots=True)
class Confusion(Drawable):
    """Confusion matrix: rows are labels, columns predictions.

    Attributes
    ----------
    labels : tuple of str
        Names of the rows.
    predictions : tuple of str
        Names of the columns: the labels, and ``(other)`` last where a prediction was none of them.
    counts : tuple of tuple of float
        Examples (or their weights), ``counts[label][prediction]``.
    """

    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]

    @property
    def n(self) -> float:
        """All examples (or their weights)."""
        return sum(map(sum, self.counts))

    def shares(self, of: str = "label") -> tuple[tuple[float, ...], ...]:
        """Return the matrix normalised by ``label`` (rows), ``prediction`` (columns) or ``all``.

        A row or column without examples is ``nan``.

        Examples
        --------
        >>> Confusion(("a", "b"), ("a", "b"), ((3, 1), (0, 0))).shares("label")
        ((0.75, 0.25), (nan, nan))
        """
        if of not in ("label", "prediction", "all"):
            raise ValueError(f"shares of {of!r}; choose 'label', 'prediction' or 'all'")
        columns = [sum(column) for column in zip(*self.counts, strict=True)]
        total = sum(columns)

        def base(row: tuple[float, ...], column: int) -> float:
            return float({"label": sum(row), "prediction": columns[column], "all": total}[of])

        return tuple(
            tuple(cell / base(row, j) if base(row, j) else math.nan for j, cell in enumerate(row))
            for row in self.counts
        )

    def frame(self) -> pd.DataFrame:
        """Return one row per cell, in the columns of ``names.CONFUSION_COLUMNS``."""
        import pandas as pd

        by_label, by_prediction, by_all = (self.shares(of) for of in ("label", "prediction", "all"))
        rows = [
            (f"{label} → {prediction}", f"{self.counts[i][j]:g} ({number(by_label[i][j])} of {label})",
             label, prediction, self.counts[i][j], by_label[i][j], by_prediction[i][j], by_all[i][j])
            for i, label in enumerate(self.labels)
            for j, prediction in enumerate(self.predictions)
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.CONFUSION_COLUMNS))


@dataclass(frozen=True, slots=True)
class ClassResult:
    """One class.

    Attributes
    ----------
    name : str
        The label.
    n, n_predicted : int
        Examples with this label, and examples for which it was predicted.
    metrics : dict of str to Estimate
        ``precision``, ``recall`` and ``f1``; ``roc_auc`` where the class has a probability.
    """

    name: str
    n: int
    n_predicted: int
    metrics: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Classes:
    """Every class's metrics."""

    rows: tuple[ClassResult, ...]

    def __getitem__(self, name: str) -> ClassResult:
        return next(row for row in self.rows if row.name == name)

    def frame(self) -> pd.DataFrame:
        """Return one row per class: ``names.CLASS_COLUMNS``, then each metric with its bounds."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"class": row.name, "summary": f"F1 {row.metrics['f1']}", "n": row.n,
                 "n_predicted": row.n_predicted, **bounds_columns(row.metrics)}
                for row in self.rows
            ]
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One named subset of the examples, held against all the others.

    Attributes
    ----------
    columns, values : tuple of str
        ``("channel",), ("app",)``, or longer for an intersection.
    metrics : dict of str to Estimate
        Keyed by ``names.METRICS`` and by ``recall[negative]`` and the like for each class.
    gap : float
        The slice's accuracy less the accuracy of the rest, -1 … 1; nan where there is no rest.
    p_value, q_value : float
        Of the gap; q is p after Benjamini–Hochberg over all slices looked at.
    weak : bool
        q < 0.05 and at least 2 points worse than the rest.
    small_support : bool
        Fewer than 30 examples: a picture greys it.
    """

    columns: tuple[str, ...]
    values: tuple[str, ...]
    n: int
    metrics: dict[str, Estimate]
    gap: float
    p_value: float
    q_value: float
    weak: bool
    small_support: bool

    @property
    def name(self) -> str:
        """``channel=app``, or ``channel=app & language=zh`` for an intersection."""
        return " & ".join(f"{c}={v}" for c, v in zip(self.columns, self.values, strict=True))


@dataclass(frozen=True, slots=True)
class Slices(Drawable):
    """Every slice looked at, the weak ones first, then by their gap.

    Attributes
    ----------
    rows : tuple of SliceResult
        Sorted: weak first, then the most negative gap first.
    overall : Estimate
        The accuracy of all examples, the line in the picture.
    """

    rows: tuple[SliceResult, ...]
    overall: Estimate

    def of(self, *columns: str) -> tuple[SliceResult, ...]:
        """Return the slices of exactly these columns, for example ``of("channel")``."""
        return tuple(row for row in self.rows if row.columns == columns)

    def __getitem__(self, name: str) -> SliceResult:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def frame(self) -> pd.DataFrame:
        """Return one row per slice: name, summary, n, each metric with its bounds, then the flags."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"slice": row.name, "summary": str(row.metrics["accuracy"]), "n": row.n,
                 **bounds_columns(row.metrics),
                 "gap": row.gap, "q_value": row.q_value, "weak": row.weak,
                 "small_support": row.small_support}
                for row in self.rows
            ],
            columns=None if self.rows else [*names.SLICE_COLUMNS, *names.SLICE_FLAG_COLUMNS],
        )  # fmt: skip


def bounds_columns(metrics: dict[str, Estimate]) -> dict[str, float]:
    """Return ``{"f1": …, "f1_lower": …, "f1_upper": …}`` for each metric."""
    columns: dict[str, float] = {}
    for name, estimate in metrics.items():
        columns[name] = estimate.value
        columns[f"{name}_lower"] = estimate.lower
        columns[f"{name}_upper"] = estimate.upper
    return columns


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """The examples whose highest score lies between `low` and `high`.

    Attributes
    ----------
    n : int
    confidence : float
        Mean of their highest score.
    accuracy : Estimate
        Share of them whose label has that score.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often the model is right where it is so sure; the bins behind ``ece`` that hold examples."""

    bins: tuple[CalibrationBin, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row per bin, in the columns of ``names.CALIBRATION_COLUMNS``."""
        import pandas as pd

        rows = [
            (f"{b.low:g} to {b.high:g}", f"sure {number(b.confidence)}, right {b.accuracy}", b.n, b.confidence,
             b.accuracy.value, b.accuracy.lower, b.accuracy.upper)
            for b in self.bins
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.CALIBRATION_COLUMNS))


@dataclass(frozen=True, slots=True)
class Latency:
    """How fast the model answered.

    Attributes
    ----------
    single : dict of str to Estimate
        ``latency_ms_p50``, ``…_p95``, ``…_p99`` of one-row requests in milliseconds, with
        order-statistic intervals; empty where only a batch was timed.
    batch_size, batch_seconds : int, float
        The one call that answered every example.
    machine : str
        What it was measured on.
    """

    single: dict[str, Estimate]
    batch_size: int
    batch_seconds: float
    machine: str

    @property
    def throughput_per_s(self) -> float:
        """Examples answered per second in the batch call."""
        return self.batch_size / self.batch_seconds if self.batch_seconds > 0 else math.nan

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns of ``names.LATENCY_COLUMNS``."""
        import pandas as pd

        rows = [(key, f"{e} ms", e.value, e.lower, e.upper, e.n) for key, e in self.single.items()]
        rate = self.throughput_per_s
        rows.append((f"throughput_per_s_batch_{self.batch_size}", f"{number(rate)} per s",
                     rate, math.nan, math.nan, self.batch_size))  # fmt: skip
        return pd.DataFrame(rows, columns=list(names.LATENCY_COLUMNS))


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
    """

    requirement: str
    outcome: Outcome
    reason: str
    estimate: Estimate | None = None
    n_needed: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Pass, fail or undecided, with every gate's reason.

    Fail if a gate fails; else undecided if a gate is undecided or there is no gate; else pass.
    """

    outcome: Outcome
    gates: tuple[Gate, ...]

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


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference, A less B, of one metric on the same examples.

    Attributes
    ----------
    value, lower, upper : float
        In the metric's own unit; ``nan`` where it is undefined for A or B.
    p_value : float
        Two-sided, of no difference.
    n : int
        Examples that both answered.

    Examples
    --------
    >>> print(Difference(0.031, 0.004, 0.058, 0.02, 800))
    +0.031 [+0.004, +0.058]
    """

    value: float
    lower: float
    upper: float
    p_value: float
    n: int

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"undefined n={self.n}"
        return f"{self.value:+.3f} [{self.lower:+.3f}, {self.upper:+.3f}]"


@dataclass(frozen=True, slots=True)
class SliceDifference:
    """One slice's paired differences, A less B, per metric; q is over all slices compared."""

    columns: tuple[str, ...]
    values: tuple[str, ...]
    metrics: dict[str, Difference]
    q_value: float

    @property
    def name(self) -> str:
        """``channel=app``."""
        return " & ".join(f"{c}={v}" for c, v in zip(self.columns, self.values, strict=True))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations of the same examples, paired.

    Attributes
    ----------
    a, b : str
        Names; differences are A less B, so B is the baseline.
    metrics : dict of str to Difference
        Per metric and per class metric, over all examples.
    slices : tuple of SliceDifference
        Per slice, by q-value.
    fixed, broken : int
        Examples that A answers rightly and B wrongly, and the reverse.
    mcnemar_p : float
        Of accuracy; exact binomial below 25 discordant pairs.
    """

    a: str
    b: str
    n: int
    metrics: dict[str, Difference]
    slices: tuple[SliceDifference, ...]
    fixed: int
    broken: int
    mcnemar_p: float

    def frame(self) -> pd.DataFrame:
        """Return one row per metric: difference, bounds, p-value."""
        import pandas as pd

        return pd.DataFrame(
            [{"metric": k, **asdict(d)} for k, d in self.metrics.items()],
            columns=["metric", "value", "lower", "upper", "p_value", "n"],
        )


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All that is known of one model on one data set.

    Attributes
    ----------
    n : int
        Examples.
    metrics : dict of str to Estimate
        Keyed by ``names.METRICS``; ``error_cost`` where errors are priced; ``names.SCORE_METRICS`` where every label
        has a probability; custom metrics by their names.
    classes, confusion, slices, calibration, latency, verdict
        See their own classes; ``calibration`` is None without probabilities, ``latency`` where no model was asked.
    cost_per_1000 : float or None
        Money for a thousand predictions, from the batch call and the price of the machine.
    confidence : float
        Of every interval.
    data_digest : str
        Of example ids and labels: equal for two evaluations on the same test set.
    requirements : Requirements or None
        What the verdict was measured against.
    notes : tuple of str
        What a reader must know, for example rows that the model did not answer.
    predictions : mlflow_evalplus.core.predictions.Predictions or None
        The rows; not part of ``evaluation.json``, but of ``predictions.parquet``. None where a lazy frame was
        counted in its engine.
    custom_metrics : tuple of mlflow_evalplus.core.custom.CustomMetric
        Those that the caller defined, so that comparisons can use them; they are not logged.
    """

    n: int
    labels: tuple[str, ...]
    metrics: dict[str, Estimate]
    classes: Classes
    confusion: Confusion
    slices: Slices
    confidence: float
    data_digest: str
    calibration: Calibration | None = None
    latency: Latency | None = None
    cost_per_1000: float | None = None
    verdict: Verdict = Verdict(Outcome.UNDECIDED, ())
    requirements: Requirements | None = None
    notes: tuple[str, ...] = ()
    schema_version: int = names.SCHEMA_VERSION
    predictions: Any = field(default=None, repr=False, compare=False)
    custom_metrics: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    def __eq__(self, other: object) -> bool:
        """Compare all but the rows; an undefined figure equals an undefined one, although nan is not nan."""
        if not isinstance(other, Evaluation):
            return NotImplemented
        compared = [entry.name for entry in fields(self) if entry.compare]
        return all(repr(getattr(self, name)) == repr(getattr(other, name)) for name in compared)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Evaluation(n={self.n}, accuracy={self.metrics['accuracy']}, verdict={self.verdict.outcome})"

    def frame(self) -> pd.DataFrame:
        """Return one row per overall metric: value, lower, upper, n, small_support."""
        import pandas as pd

        rows: list[dict[str, Any]] = [{"metric": k, **asdict(e)} for k, e in self.metrics.items()]
        return pd.DataFrame(rows)
