"""The section ``monitor:`` of requirements.yaml: what is watched in production, and what raises an alert."""

from __future__ import annotations

import math

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mlflow_evalplus import names
from mlflow_evalplus.errors import did_you_mean
from mlflow_evalplus.requirements.base import TRUTHS, Count, Name, Number, Part, within_reach

WINDOWS = ("day", "week", "month", "quarter")
MIN_WINDOW_ROWS = 10
ESTIMATED = "estimated_accuracy"
OF_MIX = ("psi", "js")
NEW_TERMS = "new_terms"
N_LABELLED = "n_labelled"
LABELLED = (*names.METRICS, *names.CLASS_METRICS)
WATCHED = (*LABELLED, ESTIMATED, *OF_MIX, NEW_TERMS, N_LABELLED)
# Which of min, max and max_drop a metric takes.
TAKES = {
    **dict.fromkeys((*LABELLED, ESTIMATED), ("min", "max_drop")),
    **dict.fromkeys((*OF_MIX, NEW_TERMS), ("max",)),
    N_LABELLED: ("min",),
}
RANGES = {
    **{metric: names.RANGES[metric] for metric in LABELLED}, ESTIMATED: (0.0, 1.0), "psi": (0.0, math.inf),
    "js": (0.0, 1.0), NEW_TERMS: (0.0, math.inf), N_LABELLED: (1.0, math.inf),
}  # fmt: skip
COUNTED = (NEW_TERMS, N_LABELLED)


class MonitorAlert(Part):
    """One gate of the monitor: a metric of a window, and the one bound that it must clear.

    `min` and `max` hold the window itself against a number, `max_drop` its difference from the reference. `column` is
    that of ``psi`` and ``js``: ``prediction``, ``label`` or a slice column. On fewer than `min_examples` examples
    nothing is decided.
    """

    metric: Name
    class_: Name | None = Field(default=None, alias="class")
    column: Name | None = None
    min: Number | None = None
    max: Number | None = None
    max_drop: Number | None = None
    min_examples: Count = Field(default=30, ge=1)

    @field_validator("metric")
    @classmethod
    def _metric_is_known(cls, metric: str) -> str:
        if metric not in WATCHED:
            raise ValueError(f"unknown metric {metric!r}; metrics are {list(WATCHED)}.{did_you_mean(metric, WATCHED)}")
        return metric

    @field_validator("min", "max")
    @classmethod
    def _bound_is_within_reach(cls, bound: float | None, info: ValidationInfo) -> float | None:
        return within_reach(str(info.data.get("metric")), bound, RANGES, COUNTED)

    @field_validator("max_drop")
    @classmethod
    def _drop_leaves_something_to_lose(cls, drop: float | None, info: ValidationInfo) -> float | None:
        low, high = RANGES.get(str(info.data.get("metric")), (0.0, 1.0))
        if drop is not None and not 0 <= drop < high - low:
            raise ValueError(f"a drop is from 0 on and below {high - low:g}; 0.03 means three points")
        return drop

    @model_validator(mode="after")
    def _is_one_statement(self) -> MonitorAlert:
        takes, given = TAKES[self.metric], [key for key in ("min", "max", "max_drop") if getattr(self, key) is not None]
        if len(given) != 1 or given[0] not in takes:
            one = f"one of {' and '.join(takes)}" if len(takes) > 1 else takes[0]
            raise ValueError(f"metric {self.metric!r} takes {one}, got {' and '.join(given) or 'none'}")
        if (self.metric in names.OF_ONE_CLASS) != (self.class_ is not None):
            verb = "needs" if self.class_ is None else "takes no"
            raise ValueError(f"metric {self.metric!r} {verb} 'class'")
        if (self.metric in OF_MIX) != (self.column is not None):
            what = "; it is prediction, label or a slice column" if self.column is None else ""
            verb = "needs" if self.column is None else "takes no"
            raise ValueError(f"metric {self.metric!r} {verb} 'column'{what}")
        return self

    @property
    def key(self) -> str:
        """The metric, with its class where it has one: ``accuracy``, ``recall[negative]``."""
        return names.class_metric(self.metric, self.class_) if self.class_ else self.metric

    @property
    def bound(self) -> float:
        """The number that is asked."""
        return float(next(b for b in (self.min, self.max, self.max_drop) if b is not None))

    def __str__(self) -> str:
        what = f"{self.metric} of {self.class_ or self.column}" if self.class_ or self.column else self.metric
        if self.max_drop is not None:
            return f"{what} at most {self.max_drop:g} below the reference's"
        return f"{what} at least {self.min:g}" if self.min is not None else f"{what} at most {self.max:g}"


class Monitor(Part):
    """How a production log is cut into windows, what they are held against, and what raises an alert.

    `window` is ``day``, ``week``, ``month``, ``quarter`` or a number of rows; `time` the column of the time. The first
    `reference` windows are the reference where no other data are: by default half of them, at most 6. `alpha` is the
    share of windows without any drift that may raise an alert by what is watched by default, all of it together; 0
    watches nothing but the `alerts` that are asked.
    """

    window: Name | int = "month"
    time: Name | None = None
    reference: Count | None = Field(default=None, ge=1)
    alpha: Number = Field(default=0.05, ge=0, lt=0.5)
    alerts: tuple[MonitorAlert, ...] = ()

    @field_validator("window", mode="before")
    @classmethod
    def _window_is_known(cls, window: object) -> object:
        if isinstance(window, bool):
            raise ValueError(f"{TRUTHS}; give one of {list(WINDOWS)} or a number of rows")
        if isinstance(window, str) and window.strip().isdecimal():
            window = int(window)
        if isinstance(window, int) and window >= MIN_WINDOW_ROWS:
            return window
        if window in WINDOWS:
            return window
        near = did_you_mean(window, WINDOWS) if isinstance(window, str) else ""
        raise ValueError(f"a window is one of {list(WINDOWS)}, or a number of rows from {MIN_WINDOW_ROWS} on.{near}")
