"""How fast a model answers, and what it takes to run it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlflow_evalplus import names
from mlflow_evalplus.results.estimate import Drawable, Estimate, number

if TYPE_CHECKING:
    import pandas as pd

BUSY = 0.25  # share of the machine that other processes used, above which a timing is not to be relied on
MEGABYTE = 1_000_000
ALL_ROWS = "throughput_per_s_all_rows"


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a saved model takes in a fresh process that loads it and answers a sample.

    Attributes
    ----------
    load_s : float
        Seconds to load it, its own imports included, once MLflow is imported.
    size_bytes : int
        Of its files.
    peak_memory_bytes : int or None
        The process's peak less what it held before it loaded the model; None where the system does not tell.
    process_memory_bytes : int or None
        The process's whole peak, which sizes a container.
    gpu_memory_bytes : int or None
        Peak of the tensors on the GPU, where the model uses PyTorch on one.
    """

    load_s: float
    size_bytes: int
    peak_memory_bytes: int | None
    process_memory_bytes: int | None
    gpu_memory_bytes: int | None = None

    def figures(self) -> list[tuple[str, str, float | None]]:
        """Return key, unit and value of each figure, bytes as megabytes of 10⁶."""
        sizes = {
            "size_mb": self.size_bytes, "peak_memory_mb": self.peak_memory_bytes,
            "process_memory_mb": self.process_memory_bytes, "gpu_memory_mb": self.gpu_memory_bytes,
        }  # fmt: skip
        megabytes = [(key, "MB", None if n is None else n / MEGABYTE) for key, n in sizes.items()]
        return [("load_s", "s", self.load_s), *megabytes]


@dataclass(frozen=True, slots=True)
class Latency(Drawable):
    """How fast the model answered, on which machine.

    Attributes
    ----------
    single : dict of str to Estimate
        ``latency_ms_p50``, ``…_p90``, ``…_p95``, ``…_p99`` of one-row requests in milliseconds, with
        order-statistic intervals; empty where only a batch was timed.
    batch_size, batch_seconds : int, float
        The one call that answered every example.
    machine : str
        What it was measured on: processor, cores, GPU.
    throughput : dict of int to Estimate
        Examples per second by batch size, of the median of repeated calls.
    cpu_s_per_1000 : float or None
        CPU seconds of all threads and ended children for 1,000 examples, from the call that answered every example.
    threads : str
        Those of the numeric libraries.
    other_load : float or None
        Share of the machine, 0 to 1, that other processes used meanwhile; None where it is not known.
    footprint : Footprint or None
        None where it was not measured.
    """

    single: dict[str, Estimate]
    batch_size: int
    batch_seconds: float
    machine: str
    throughput: dict[int, Estimate] = field(default_factory=dict)
    cpu_s_per_1000: float | None = None
    threads: str = ""
    other_load: float | None = None
    footprint: Footprint | None = None

    def without_bounds(self) -> Latency:
        """Return the same figures without intervals."""
        single = {key: replace(e, lower=math.nan, upper=math.nan) for key, e in self.single.items()}
        rates = {size: replace(e, lower=math.nan, upper=math.nan) for size, e in self.throughput.items()}
        return replace(self, single=single, throughput=rates)

    @property
    def throughput_per_s(self) -> float:
        """Examples answered per second in the one call that answered them all."""
        return self.batch_size / self.batch_seconds if self.batch_seconds > 0 else math.nan

    @property
    def best(self) -> tuple[int, Estimate] | None:
        """The batch size of the highest throughput, and that; of those with bounds, where any has them."""
        rates = self.throughput or {self.batch_size: measured_once(self.throughput_per_s)}
        known = {size: rate for size, rate in rates.items() if rate.defined}
        known = {size: rate for size, rate in known.items() if not math.isnan(rate.lower + rate.upper)} or known
        return max(known.items(), key=lambda item: item[1].value, default=None)

    @property
    def busy(self) -> bool:
        """Whether other processes used more than a quarter of the machine."""
        return self.other_load is not None and self.other_load > BUSY

    def figures(self) -> list[tuple[str, str, Estimate]]:
        """Return key, unit and value of each figure; keys do not depend on how many examples there are."""
        found = [(key, "ms", estimate) for key, estimate in self.single.items()]
        found += [(f"throughput_per_s_batch_{size}", "per s", rate) for size, rate in self.throughput.items()]
        if self.batch_size:
            found.append((ALL_ROWS, "per s", measured_once(self.throughput_per_s)))
        once: list[tuple[str, str, float | None]] = [("cpu_s_per_1000", "s", self.cpu_s_per_1000)]
        if self.footprint:
            once += self.footprint.figures()
        once.append(("other_load", "of the machine", self.other_load))
        return found + [(key, unit, measured_once(value)) for key, unit, value in once if value is not None]

    def frame(self) -> pd.DataFrame:
        """Return one row per figure, in the columns of ``names.LATENCY_COLUMNS``."""
        import pandas as pd

        rows = [(key, words(e, unit), e.value, e.lower, e.upper, e.n) for key, unit, e in self.figures()]
        return pd.DataFrame(rows, columns=list(names.LATENCY_COLUMNS))


def measured_once(value: float) -> Estimate:
    """Return an estimate without bounds: one measurement shows no spread."""
    return Estimate(float(value), math.nan, math.nan, 1)


def words(estimate: Estimate, unit: str) -> str:
    """Return a value with its interval and unit; a bound that does not exist is not written.

    Examples
    --------
    >>> words(Estimate(12.0, 10.0, 15.0, 400), "ms")
    '12.0 [10.0, 15.0] ms'
    >>> words(Estimate(12.0, 10.0, math.nan, 200), "ms"), words(measured_once(0.00123), "s")
    ('12.0 ms (at least 10.0)', '0.0012 s')
    """
    if math.isnan(estimate.value):
        return "undefined"
    value, lower, upper = (significant(x) for x in (estimate.value, estimate.lower, estimate.upper))
    if estimate.lower == estimate.upper == estimate.value:  # a price, which is no measurement
        return f"{value} {unit}".rstrip()
    if not math.isnan(estimate.lower) and not math.isnan(estimate.upper):
        return f"{value} [{lower}, {upper}] {unit}".rstrip()
    bounds = {f" (at least {lower})": estimate.lower, f" (at most {upper})": estimate.upper}
    return f"{value} {unit}".rstrip() + next((text for text, bound in bounds.items() if not math.isnan(bound)), "")


def significant(value: float) -> str:
    """Return a number as `number` does, but two significant digits of one below 0.1.

    Examples
    --------
    >>> significant(1234.5), significant(0.0123), significant(0.0)
    ('1,234', '0.012', '0.000')
    """
    return f"{value:.2g}" if 0 < abs(value) < 0.1 else number(value)
