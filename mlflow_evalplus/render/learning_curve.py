"""The learning curve as a Markdown page and as a picture: what was measured, and the law carried on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results.estimate import number
from mlflow_evalplus.results.learning_curve import LearningCurve, PowerLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_ROWS = 20
LONGEST = 600
TICKS = 3  # at most so many rows are written at the axis


def page(curve: LearningCurve) -> str:
    """Return what the next labels would buy, the sizes that were measured, and what to know; tables of two columns."""
    parts = ["### Learning curve", f"**{markdown.escape(curve.sentence, limit=LONGEST)}**"]
    shown = curve.points[-MAX_ROWS:]
    rows = [(f"{point.n_train:,} ({point.n_fits:,})", interval(point.accuracy)) for point in shown]
    parts.append(markdown.table(["rows (models)", "accuracy"], rows))
    if curve.more:
        bought = [(f"{more.rows:,}", more.summary) for more in curve.more]
        parts.append(markdown.table(["more labels", "gain in accuracy"], bought))
    if curve.law:
        parts.append(law(curve.law))
    parts.append(
        f"{100 * curve.confidence:.4g}% intervals of any model trained on so many rows like these, so wider than this "
        f"run's own; {curve.n_test:,} test rows."
    )
    parts += [f"> {markdown.escape(note, limit=LONGEST)}" for note in curve.notes]
    return "\n\n".join(parts)


def law(found: PowerLaw) -> str:
    """Return in words whether the curve bends, and towards what.

    Examples
    --------
    >>> law(PowerLaw(400, 0.2, 0.05, 0.5))
    'The law levels off at an accuracy of 0.900, however many labels; far beyond the data that is a guess.'
    """
    if found.floor > 0:
        return (
            f"The law levels off at an accuracy of {number(1 - found.floor)}, however many labels; "
            "far beyond the data that is a guess."
        )
    return "The curve does not level off yet: nothing is known of where it ends."


def figure(curve: LearningCurve) -> Figure:
    """Draw accuracy against training rows on a logarithmic axis: dots with intervals, the law, dashed beyond the data.

    The axis of accuracy goes from 0 to 1, so that the pictures of several runs can be read beside each other.
    """
    from mlflow_evalplus.render import figures

    with figures.canvas(height=2.3) as drawing:
        axes = drawing.add_subplot()
        _law(axes, curve)
        for point in curve.points:
            axes.plot([point.n_train] * 2, [point.accuracy.lower, point.accuracy.upper], color=figures.BLUE, lw=1.2)
            axes.plot(point.n_train, point.accuracy.value, "o", color=figures.BLUE, markersize=3.5)
        axes.set_xscale("log")
        axes.minorticks_off()
        ticks = _ticks(curve)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.set_ylim(0, 1)
        axes.set_xlabel("training rows")
        axes.set_ylabel("accuracy")
        axes.grid(axis="y", color="#E0E0E0", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if curve.more:
            axes.text(0.98, 0.03, _bought(curve), transform=axes.transAxes, ha="right", va="bottom", fontsize=6.5)
        figures.title(drawing, "learning curve")
    return drawing


def _law(axes: Axes, curve: LearningCurve) -> None:
    from mlflow_evalplus.render import figures

    n = [point.n_train for point in curve.curve]
    value = [point.accuracy.value for point in curve.curve]
    lower, upper = ([getattr(point.accuracy, end) for point in curve.curve] for end in ("lower", "upper"))
    axes.fill_between(n, lower, upper, color=figures.ORANGE, alpha=0.15, linewidth=0)
    known = sum(size <= curve.n_train for size in n)
    axes.plot(n[:known], value[:known], color=figures.ORANGE, linewidth=1)
    axes.plot(n[max(known - 1, 0) :], value[max(known - 1, 0) :], color=figures.ORANGE, linewidth=1, linestyle="--")
    for more in curve.more:
        axes.plot(curve.n_train + more.rows, more.accuracy.value, "o", mfc="white", mec=figures.ORANGE, markersize=3.5)


def _ticks(curve: LearningCurve) -> list[int]:
    furthest = max([curve.n_train, *(curve.n_train + more.rows for more in curve.more)])
    smallest = curve.points[0].n_train
    middle = min((point.n_train for point in curve.points), key=lambda n: abs(n - math.sqrt(smallest * furthest)))
    return sorted({smallest, middle, furthest})[:TICKS]


def _bought(curve: LearningCurve) -> str:
    return f"{curve.more[0].rows:,} more labels:\n{curve.more[0].summary}"
