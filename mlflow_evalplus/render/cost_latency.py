"""Latency, resources and money as a Markdown table, and as dots with intervals on fixed axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow_evalplus.core import cost
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results import Estimate, Evaluation, Latency
from mlflow_evalplus.results.latency import ALL_ROWS, measured_once, significant, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCHES = (1, 8, 32, 128)
LATENCY_AXIS = (0.1, 10_000)  # ms
THROUGHPUT_AXIS = (1, 1_000_000)  # per s
TITLES = {
    "cpu_s_per_1000": "CPU time per 1,000",
    "load_s": "load time",
    "size_mb": "size on disk",
    "peak_memory_mb": "peak memory, model",
    "process_memory_mb": "peak memory, process",
    "gpu_memory_mb": "peak memory, GPU",
    "other_load": "used by other processes",
}


def page(evaluation: Evaluation) -> str:
    """Return latency of single requests, throughput, resources, and what predictions and errors cost."""
    found = rows(evaluation)
    latency = evaluation.latency
    parts = ["### Cost and latency"]
    if latency is None:
        parts.append("No model was asked, so nothing was timed.")
    parts += [markdown.table(["figure", "value"], found)] if found else []
    if latency:
        threads = f" Threads: {markdown.escape(latency.threads)}." if latency.threads else ""
        parts.append(f"Measured on {markdown.escape(latency.machine)}.{threads}")
    if latency and latency.busy:
        parts.append(f"> {busy(latency)}")
    return "\n\n".join(parts)


def busy(latency: Latency) -> str:
    """Return the warning that a timing was disturbed."""
    return (
        f"⚠ Other processes used {latency.other_load:.0%} of the machine meanwhile: measure again on a quiet one "
        "before you rely on these figures."
    )


def rows(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return each figure that is known with its value, as plain text; the same names in every run."""
    latency = evaluation.latency
    found: list[tuple[str, str]] = []
    for key, unit, estimate in latency.figures() if latency else ():
        if key == "other_load":
            found.append((TITLES[key], f"{estimate.value:.0%} of the machine"))
        else:
            found.append((_title(key), words(estimate, unit)))
    return found + _money(evaluation)


def _title(key: str) -> str:
    if key.startswith("latency_ms_"):
        return f"latency {key.removeprefix('latency_ms_')}, one request"
    if not key.startswith("throughput"):
        return TITLES[key]
    if key == ALL_ROWS:
        return "throughput, all rows at once"
    return f"throughput, batch of {int(key.rsplit('_', 1)[1]):,}"


def _money(evaluation: Evaluation) -> list[tuple[str, str]]:
    currency = evaluation.requirements.prices.currency if evaluation.requirements else ""
    made, total = cost.per_1000(evaluation), cost.total_per_1000(evaluation)
    found = []
    if made:
        best = evaluation.latency.best if evaluation.latency else None
        machine = evaluation.requirements.prices.machine_per_hour if evaluation.requirements else None
        source = f", batches of {best[0]:,}" if best and machine is not None else ""
        found.append(("cost of 1,000 predictions", words(made, currency) + source))
    if "error_cost" in evaluation.metrics:
        found.append(("cost of errors, per example", words(evaluation.metrics["error_cost"], currency)))
    if total:
        found.append(("total cost of 1,000, errors too", words(total, currency)))
    return found


def figure(latency: Latency) -> Figure:
    """Draw latency percentiles and throughput by batch size as dots with intervals.

    Both axes are logarithmic and fixed, so that several runs compare by eye. What lies outside is an arrow at the
    edge; an interval without a bound ends there too.
    """
    from mlflow_evalplus.render import figures

    percentiles = [(name, latency.single.get(f"latency_ms_{name}")) for name in ("p50", "p90", "p95", "p99")]
    rates: list[tuple[str, Estimate | None]] = [(f"batch {size}", latency.throughput.get(size)) for size in BATCHES]
    rates.append(("all at once", measured_once(latency.throughput_per_s)))
    colour = figures.GREY if latency.busy else figures.BLUE
    with figures.canvas(height=2.75) as drawing:
        upper, lower = drawing.subplots(2, 1, height_ratios=[4, 5])
        _dots(upper, percentiles, LATENCY_AXIS, colour)
        upper.set_xticks([0.1, 1, 10, 100, 1000, 10_000], ["0.1 ms", "1", "10", "100", "1 s", "10 s"])
        _dots(lower, rates, THROUGHPUT_AXIS, colour)
        lower.set_xticks(
            [1, 10, 100, 1000, 10_000, 100_000, 1_000_000], ["1/s", "10", "100", "1k", "10k", "100k", "1M"]
        )
        figures.title(drawing, "timed on a busy machine" if latency.busy else "latency, throughput")
    return drawing


def _dots(axes: Axes, rows: list[tuple[str, Estimate | None]], ends: tuple[float, float], colour: str) -> None:
    middle = math.sqrt(ends[0] * ends[1])
    for y, (_, estimate) in enumerate(rows):
        if estimate is None or not estimate.defined:
            axes.text(middle, y, "not measured", va="center", ha="center", color="#595959", fontsize=6.5)
            continue
        value, left, right = (_within(x, ends) for x in (estimate.value, estimate.lower, estimate.upper))
        if math.isnan(left) and math.isnan(right):
            left = right = value
        # a bound that does not exist lies beyond the axis
        left, right = (end if math.isnan(x) else x for x, end in zip((left, right), ends, strict=True))
        axes.plot([left, right], [y, y], color=colour, linewidth=1.4)
        marker = "o" if value == estimate.value else "<" if value == ends[0] else ">"
        axes.plot(value, y, marker, color=colour, markersize=3.5, clip_on=False)
        before = left > 10 * ends[0] and (value > middle or right == ends[1])
        axes.annotate(
            significant(estimate.value), (left if before else right, y), xytext=(-4 if before else 4, 0),
            textcoords="offset points", ha="right" if before else "left", va="center_baseline", fontsize=6.5,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(*ends)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.minorticks_off()
    axes.grid(axis="x", color="#E0E0E0", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _within(value: float, ends: tuple[float, float]) -> float:
    return value if math.isnan(value) else min(max(value, ends[0]), ends[1])
