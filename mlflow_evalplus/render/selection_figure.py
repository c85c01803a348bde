"""A selection as pictures: the leaderboard, the score by dimension, and the score against its cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlflow_evalplus.render import charts
from mlflow_evalplus.render import selection_words as words
from mlflow_evalplus.render.selection_points import axis_title, points, starred
from mlflow_evalplus.results import Estimate, Outcome
from mlflow_evalplus.results.selection import CandidateResult, Selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_CANDIDATES = 16
MAX_DIMENSIONS = 12
MAX_TOLD = 6  # candidates of the picture by dimension: as many as there are colours
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "v", "P", "X")
LONGEST_NAME = 16


def leaderboard(found: Selection) -> Figure:
    """Draw the score of each candidate with its interval, the most useful first.

    The candidate to take has a star; one that is not shown to meet the requirements is hollow and grey.
    """
    from mlflow_evalplus.render import figures

    shown = found.candidates[:MAX_CANDIDATES]
    with figures.canvas(height=0.9 + 0.24 * len(shown)) as drawing:
        axes = drawing.add_subplot()
        for y, candidate in enumerate(shown):
            passes = candidate.verdict.outcome is Outcome.PASS
            _dot(axes, candidate.score, y, figures.BLUE if passes else figures.GREY, "o", hollow=not passes)
        _rows(axes, [starred(found, candidate.name) for candidate in shown], "score")
        figures.title(drawing, figures.displayable(words.headline(found).split(": ")[0], 44))
    return drawing


def dimensions(found: Selection) -> Figure:
    """Draw the score of each candidate in each dimension, the six most useful candidates one under the other."""
    from mlflow_evalplus.render import figures

    keys, shown = list(found.dimension_weights)[:MAX_DIMENSIONS], found.candidates[:MAX_TOLD]
    step = 0.7 / max(len(shown), 2)
    with figures.canvas(height=0.9 + len(keys) * max(0.26, 0.07 * len(shown))) as drawing:
        axes = drawing.add_subplot()
        for place, candidate in enumerate(shown):
            for y, key in enumerate(keys):
                _dot(axes, candidate.dimensions.get(key), y + step * (place - (len(shown) - 1) / 2), COLOURS[place],
                     MARKERS[place], size=3.2)  # fmt: skip
        _rows(axes, keys, "score")
        axes.hlines([y - 0.5 for y in range(1, len(keys))], *axes.get_xlim(), color="#E0E0E0", linewidth=0.5, zorder=0)
        _legend(drawing, shown)
        figures.title(drawing, "score by dimension")
    return drawing


def _legend(drawing: Figure, shown: Sequence[CandidateResult]) -> None:
    from matplotlib.lines import Line2D

    from mlflow_evalplus.render import figures

    marks = [Line2D([], [], color=c, marker=m, markersize=3.2) for c, m in zip(COLOURS, MARKERS, strict=True)]
    named = [figures.displayable(c.name, LONGEST_NAME) for c in shown]
    named = [f" {name}" if name.startswith("_") else name for name in named]  # else matplotlib leaves it out
    drawing.legend(marks[: len(named)], named, loc="outside lower center", ncols=2 if len(shown) > 3 else 3,
                   frameon=False, fontsize=6.5, handlelength=1.4, columnspacing=1.2, borderaxespad=0.2)  # fmt: skip


def candidate(found: CandidateResult) -> Figure:
    """Draw one candidate's score in each dimension with its interval; a dashed line is its score over all of them."""
    from mlflow_evalplus.render import figures

    keys = list(found.dimensions)[:MAX_DIMENSIONS]
    weak = words.weakest(found)
    with figures.canvas(height=0.9 + 0.24 * len(keys)) as drawing:
        axes = drawing.add_subplot()
        if found.score.defined:
            axes.axvline(found.score.value, color="black", linewidth=0.9, linestyle="--", zorder=1)
        for y, key in enumerate(keys):
            last = weak is not None and key == weak[0] and len(keys) > 1
            _dot(axes, found.dimensions[key], y, figures.ORANGE if last else figures.BLUE, "D" if last else "o")
        _rows(axes, keys, "score")
        said = f"score {found.score.value:.3f}" if found.score.defined else "no score"
        figures.title(drawing, f"{said}, by dimension")
    return drawing


def pareto(found: Selection) -> Figure:
    """Draw the score of each candidate against its cost; those that no other beats in both are joined diamonds.

    See `selection_points.points` for what is taken as the cost; a candidate of which it is not known is left out.
    """
    from mlflow_evalplus.render import figures

    shown = points(found)[:MAX_CANDIDATES]
    with figures.canvas(height=2.6) as drawing:
        axes = drawing.add_subplot()
        if not shown:
            axes.text(
                0.5,
                0.5,
                "neither prices nor latencies are known",
                transform=axes.transAxes,
                ha="center",
                color=figures.GREY,
            )
        x, y = charts.axes(shown)
        for point in shown:
            colour = figures.ORANGE if point.marked else figures.BLUE
            axes.plot([point.x] * 2, [point.lower, point.upper], color=colour, linewidth=1.2)
            axes.plot(point.x, point.y, "D" if point.marked else "o", color=colour, markersize=4)
        front = sorted((point for point in shown if point.marked), key=lambda point: point.x)
        axes.plot([p.x for p in front], [p.y for p in front], "--", color=figures.ORANGE, linewidth=0.9, zorder=1)
        if x.logarithmic:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(x.ticks, [f"{tick:g}" for tick in x.ticks])
        axes.set_xlim(x.ticks[0], x.ticks[-1])
        axes.set_ylim(y.ticks[0], y.ticks[-1])
        for point, across, _, line in charts.placed(shown, x, y):
            _name(axes, point, across, line, y)
        axes.set_xlabel(figures.displayable(axis_title(found), 48))
        axes.set_ylabel("score")
        _quiet(axes, "both")
        what = "latency" if axis_title(found).startswith("latency") else "cost"
        figures.title(drawing, f"score against {what}; ◆ is beaten by none in both")
    return drawing


def _name(axes: Axes, point: charts.Point, across: float, line: float, y: charts.Axis) -> None:
    from mlflow_evalplus.render import figures

    axes.annotate(
        figures.displayable(point.name, LONGEST_NAME), (point.x, y.ticks[0] + (1 - line) * (y.ticks[-1] - y.ticks[0])),
        xytext=(-6 if across > 0.5 else 6, 0), textcoords="offset points", ha="right" if across > 0.5 else "left",
        va="center_baseline", fontsize=6.5,
    )  # fmt: skip


def _dot(
    axes: Axes, estimate: Estimate | None, y: float, colour: str, marker: str, *, hollow: bool = False,
    size: float = 3.8,
) -> None:  # fmt: skip
    if estimate is None or not estimate.defined:
        return
    axes.plot([estimate.lower, estimate.upper], [y, y], color=colour, linewidth=1.2, solid_capstyle="butt")
    axes.plot(estimate.value, y, marker, color=colour, markersize=size, clip_on=False,
              markerfacecolor="white" if hollow else colour)  # fmt: skip


def _rows(axes: Axes, names: Sequence[str], title: str) -> None:
    """Name the rows of dots, the first on top, over an axis from 0 to 1."""
    from mlflow_evalplus.render import figures

    axes.set_yticks(range(len(names)), [figures.displayable(name, LONGEST_NAME) for name in names])
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel(title)
    _quiet(axes, "x")


def _quiet(axes: Axes, grid: str) -> None:
    axes.grid(axis=grid, color="#E0E0E0", linewidth=0.5)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(length=2)
    axes.spines[["top", "right"]].set_visible(False)
