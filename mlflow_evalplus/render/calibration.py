"""How far the model's sureness can be trusted, and what to do with it: a Markdown page and a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow_evalplus.render import abstention, markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Abstention, Calibration, CalibrationBin, Estimate, Evaluation, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_ERROR = 0.005  # below this a calibration error is nothing to act on
TRUSTED = 0.1  # where it may be larger than this, sureness is not taken at its word


def page(evaluation: Evaluation) -> str:
    """Return what to answer, the accuracy at each coverage, and the bins of confidence."""
    parts = ["### Calibration and abstention"]
    found, bins = evaluation.abstention, evaluation.calibration
    if found:
        parts.append(f"**{markdown.escape(abstention.sentence(found), limit=600)}**")
    if bins:
        parts.append(markdown.escape(sentence(evaluation), limit=600))
    if found:
        parts.append(markdown.table(["answered", "right, of the answers"], abstention.rows(found)))
        parts.append(markdown.escape(area(evaluation), limit=600))
    if bins:
        rows = [(f"{name(b)} ({b.n:,})", f"{number(b.confidence)} → {interval(b.accuracy)}") for b in bins.bins]
        parts.append(markdown.table(["sure (n)", "sureness → right"], rows))
        parts.append("Of each bin: mean sureness, then the share with the most probable label right.")
    return "\n\n".join(parts)


def sentence(evaluation: Evaluation) -> str:
    """Return how far sureness and accuracy are apart, whether that is noise, and what would mend it."""
    bins, error = evaluation.calibration, evaluation.metrics.get("ece")
    if bins is None or error is None:
        return ""
    noise = f"a perfectly calibrated model would show about {number(bins.noise)} on as many rows"
    if bins.p_value < 1 - evaluation.confidence and error.value >= LEAST_ERROR:
        said = f"Sureness is off by {interval(error)} on average (ECE; {noise}): {_direction(bins)}"
    else:
        said = f"Sureness is off by {number(error.value)} on average (ECE; {noise}): {_unproven(bins, error)}"
    return f"{said} {_apart(bins)}".rstrip()


def _direction(bins: Calibration) -> str:
    if bins.both_ways:
        return "too sure in some bins, not sure enough in others, so a temperature will not mend it."
    if not bins.one_way:
        return "more than noise, but in which direction is not clear."
    way = "too sure" if bins.excess > 0 else "not sure enough"
    mostly = f"the model is {way}, by {100 * abs(bins.excess):.1f} points in all"
    return f"{mostly}. A temperature fitted on other rows usually mends most of that."


def _unproven(bins: Calibration, error: Estimate) -> str:
    upper = number(error.upper)
    if error.value < LEAST_ERROR and not error.small_support:
        return "it can be taken at its word."
    if math.isnan(bins.p_value) or error.small_support or error.upper > TRUSTED:
        return f"on {error.n:,} such rows it is not known whether that is more than noise; it may be up to {upper}."
    return f"no more than noise, so it can be taken at its word, to within {upper}."


def _apart(bins: Calibration) -> str:
    """Return in how many rows "right" depends on whether the answer given or the most probable label is meant."""
    if not bins.n_apart:
        return ""
    n = sum(b.n for b in bins.bins)
    return (
        f"All of this is of the most probable label: in {bins.n_apart:,} of {n:,} rows it is right and the answer "
        "given is not, or the other way round."
    )


def area(evaluation: Evaluation) -> str:
    """Return the area under the risk-coverage curve in a sentence."""
    found = evaluation.abstention
    if found is None:
        return ""
    return (
        f"Area under the risk-coverage curve {number(found.aurc)}; {number(found.aurc_oracle)} if every wrong answer "
        "were less sure than every right one."
    )


def name(found: CalibrationBin) -> str:
    """Return a bin's range."""
    return f"{found.low:g} to {found.high:g}"


def figure(found: Calibration) -> Figure:
    """Draw the reliability diagram with the histogram of confidence beneath."""
    from mlflow_evalplus.render import figures

    with figures.canvas(height=2.9) as drawing:
        upper, lower = drawing.subplots(2, 1, height_ratios=[4, 1], sharex=True)
        _reliability(upper, found)
        _histogram(lower, found)
        figures.title(drawing, "sureness against accuracy")
    return drawing


def whole_figure(bins: Calibration, curve: Abstention) -> Figure:
    """Draw accuracy against coverage, then the reliability diagram, then the histogram of confidence."""
    from mlflow_evalplus.render import figures

    with figures.canvas(height=4.9) as drawing:
        top, middle, bottom = drawing.subplots(3, 1, height_ratios=[8, 9, 2.5])
        abstention.draw(top, curve)
        middle.sharex(bottom)
        _reliability(middle, bins)
        middle.tick_params(labelbottom=False)
        _histogram(bottom, bins)
        figures.title(drawing, abstention.heading(curve))
    return drawing


def _reliability(axes: Axes, found: Calibration) -> None:
    from mlflow_evalplus.render import figures

    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":")
    for b in found.bins:
        colour = figures.GREY if b.accuracy.small_support else figures.BLUE
        axes.plot([b.confidence, b.confidence], [b.accuracy.lower, b.accuracy.upper], color=colour, linewidth=1.4)
        axes.plot(b.confidence, b.accuracy.value, "o", color=colour, markersize=3.5, clip_on=False)
    axes.text(0.03, 0.95, "not sure enough", color="#595959", fontsize=6.5, va="top")
    axes.text(0.97, 0.05, "too sure", color="#595959", fontsize=6.5, ha="right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("how often right")
    axes.spines[["top", "right"]].set_visible(False)


def _histogram(axes: Axes, found: Calibration) -> None:
    from mlflow_evalplus.render import figures

    n = sum(b.n for b in found.bins)
    axes.bar(
        [b.low for b in found.bins], [b.n / n for b in found.bins], width=0.1, align="edge", color=figures.BLUE,
        edgecolor="white", linewidth=0.5,
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1], ["0", "all"])
    axes.set_ylabel("rows")
    axes.set_xlabel("how sure the model is")
    axes.spines[["top", "right"]].set_visible(False)
