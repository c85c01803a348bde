"""A model in production as a picture: accuracy by window, where it was asked to be, and where it raised an alert."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from mlflow_evalplus.render import charts
from mlflow_evalplus.render import monitoring_words as words
from mlflow_evalplus.results import Estimate, Monitoring, Outcome, Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_WINDOWS = 60
LONGEST_NAME = 10  # a longer name of a window gives way to its number
CHARACTERS = 36  # of the names under the axis


def figure(found: Monitoring) -> Figure:
    """Draw accuracy by window, at most the 60 newest: labelled rows as dots, the estimate of all rows as a band.

    A dashed line is the reference, a full one what is asked for; windows with an alert are shaded, their mark is a
    diamond.
    """
    from mlflow_evalplus.render import figures

    windows = found.windows[-MAX_WINDOWS:]
    with figures.canvas(height=2.6) as drawing:
        axes = drawing.add_subplot()
        low, high = _levels(axes, found, windows)
        for place, window in enumerate(windows):
            _window(axes, place, window)
        axes.set_xlim(-0.5, len(windows) - 0.5)
        axes.set_ylim(low, high)
        ticks, written, shared = names_of([window.name for window in windows])
        axes.set_xticks(ticks, [figures.displayable(name) for name in written], fontsize=7)
        axes.set_xlabel(figures.displayable(shared))
        axes.set_ylabel("accuracy")
        axes.grid(axis="y", color="#E0E0E0", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(length=2)
        axes.spines[["top", "right"]].set_visible(False)
        _legend(drawing, axes)
        figures.title(drawing, title(found))
    return drawing


def title(found: Monitoring) -> str:
    """Return the newest window and its outcome: ``2025-12: 2 alerts``."""
    from mlflow_evalplus.render import figures

    last = found.last
    said = {Outcome.PASS: "no alert", Outcome.UNDECIDED: "undecided"}
    n_raised = len(words.raised(last))
    return f"{figures.displayable(last.name, 24)}: {said.get(last.outcome) or words.counted(n_raised, 'alert')}"


def _levels(axes: Axes, found: Monitoring, windows: Sequence[Window]) -> tuple[float, float]:
    """Draw the reference and what is asked for; return the ends of the axis."""
    from mlflow_evalplus.render import figures

    reference, asked = level(found.reference), words.asked_level(found)
    drawn = [estimate for window in windows for estimate in estimates(window)]
    values = [bound for e in drawn for bound in (e.value, e.lower, e.upper) if bound == bound]
    values += [value for value in (reference, asked) if value is not None]
    if not drawn:
        axes.text(0.5, 0.5, words.unmeasured(found), transform=axes.transAxes, ha="center", color=figures.GREY)
    margin = 0.03 * (max(values) - min(values)) if values else 0.0
    ends = charts.ticks(min(values) - margin, max(values)) if values else [0.0, 1.0]
    _line(axes, reference, "reference", "--", ends, above=reference is None or asked is None or reference >= asked)
    _line(axes, asked, "asked", "-", ends, above=reference is not None and asked is not None and asked > reference)
    return ends[0], ends[-1]


def _line(axes: Axes, value: float | None, name: str, style: str, ends: Sequence[float], *, above: bool) -> None:
    """Draw a level and write it beside the axes, away from the other one."""
    if value is not None:
        axes.axhline(value, color="black", linewidth=0.9, linestyle=style, zorder=1)
        axes.annotate(
            f"{name}\n{value:.3g}", (1, charts.fraction(value, ends[0], ends[-1])), xycoords="axes fraction",
            xytext=(3, -2 if above else 2), textcoords="offset points", va="bottom" if above else "top", fontsize=6.5,
        )  # fmt: skip


def _window(axes: Axes, place: int, window: Window) -> None:
    from mlflow_evalplus.render import figures

    accuracy, estimated = window.metrics.get("accuracy"), window.estimated
    alarmed = words.about_quality(window)
    if window.outcome is Outcome.FAIL:
        axes.axvspan(place - 0.5, place + 0.5, color=figures.ORANGE, alpha=0.12, linewidth=0, label="alert")
    if estimated and estimated.defined:
        across = (place - 0.5, place + 0.5)
        axes.fill_between(across, estimated.lower, estimated.upper, color=figures.BLUE, alpha=0.2, linewidth=0,
                          label="estimated, all rows")  # fmt: skip
        axes.plot(across, [estimated.value] * 2, color=figures.BLUE, linewidth=1, alpha=0.6, solid_capstyle="butt")
    colour = figures.ORANGE if alarmed else figures.BLUE
    if accuracy and accuracy.defined:
        axes.plot([place] * 2, [accuracy.lower, accuracy.upper], color=colour, linewidth=1.4)
        axes.plot(place, accuracy.value, "D" if alarmed else "o", color=colour, markersize=4 if alarmed else 3.8,
                  label="" if alarmed else "labelled rows")  # fmt: skip


def level(window: Window) -> float | None:
    """Return the accuracy of the labelled rows, else the estimated one, else None."""
    found = estimates(window)
    return found[0].value if found else None


def estimates(window: Window) -> list[Estimate]:
    """Return the accuracies that are known of a window: of its labelled rows, then the estimate of all."""
    return [e for e in (window.metrics.get("accuracy"), window.estimated) if e and e.defined]


def names_of(given: Sequence[str], room: int = CHARACTERS) -> tuple[list[int], list[str], str]:
    """Return the places whose names have room, the newest among them, these names, and what all names begin with.

    Examples
    --------
    >>> names_of(["2025-07", "2025-08"])
    ([0, 1], ['07', '08'], '2025')
    >>> names_of(["rows 1 to 1,000", "rows 1,001 to 2,000"])
    ([0, 1], ['1', '2'], 'window')
    """
    pieces = [name.split("-") for name in given]
    alike = sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, zip(*pieces, strict=False)))
    n_shared = min(alike, min(map(len, pieces)) - 1)
    shared = "-".join(pieces[0][:n_shared])
    named = ["-".join(own[n_shared:]) for own in pieces] if shared else list(given)
    if max(map(len, named)) > LONGEST_NAME:
        shared, named = "window", [f"{place + 1}" for place in range(len(given))]
    step = -(-len(given) * (max(map(len, named)) + 1) // room)
    places = list(range(len(given) - 1, -1, -step))[::-1]
    return places, [named[place] for place in places], shared


def _legend(drawing: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    if known:
        drawing.legend(list(known.values()), list(known), loc="outside lower center", ncols=3, frameon=False,
                       fontsize=6.5, handlelength=1.2, columnspacing=1.2, borderaxespad=0.2)  # fmt: skip
