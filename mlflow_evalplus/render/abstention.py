"""Accuracy against coverage: in sentences, as a table, and as a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Abstention, AbstentionPoint, Estimate
from mlflow_evalplus.results.abstention import sureness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
NEAR = 0.05  # a row of the table lies at most so far from its coverage
HALF = 0.5


def sentence(found: Abstention) -> str:
    """Return what to answer, how much that is, and how often it is right, as plain text."""
    everything = found.points[0].accuracy
    if found.launch is None:
        surest = next((point for point in found.points if point.coverage.value <= HALF), None)
        half = f"; of the surest {share(surest.coverage.value)} on {bounds(surest.accuracy)}" if surest else ""
        return f"Of all examples the model is right on {bounds(everything)}{half}."
    asked = share(found.launch)
    if found.choice is None:
        return f"No threshold of sureness is shown to reach {asked}. {_nearest(found)}"
    if found.partial is None:
        return f"All examples can be answered: right on {bounds(everything)} of them, shown to be at least {asked}."
    return f"{instruction(found.partial)}, shown to be at least {asked}; {_rest(found.partial)} to a person."


def instruction(point: AbstentionPoint) -> str:
    """Return what to answer and how good that is, without saying what it was held against."""
    return (
        f"Answer only where the model is {sureness(point.threshold)}: it then answers {bounds(point.coverage)} of the "
        f"examples, and is right on {bounds(point.accuracy)} of them"
    )


def step(found: Abstention) -> str:
    """Return the same as something to do next where not all can be answered; nothing where none or all can."""
    if found.partial is None or found.launch is None:
        return ""
    point = found.partial
    return (
        f"not ready to answer everything, but accurate enough for {share(point.coverage.value)}: answer only where the "
        f"model is {sureness(point.threshold)}, right on {bounds(point.accuracy)} there, shown to be at least "
        f"{share(found.launch)}; {_rest(point)} to a person"
    )


def _rest(point: AbstentionPoint) -> str:
    left = share(1 - point.coverage.value)
    return f"the other {left} go"


def _nearest(found: Abstention) -> str:
    point = found.nearest
    if point is None or found.launch is None:
        return _nowhere(found)
    where = f"{sureness(point.threshold)}: {share(point.coverage.value)} answered, {bounds(point.accuracy)} right"
    if point.accuracy.small_support:
        return f"Too few examples to say: nearest is {where}, on {point.accuracy.n:,} answers. Label more examples."
    alone = ""
    if point.accuracy.lower >= found.launch:
        alone = "; that holds on its own, but not for one of many thresholds, or rests on too few clusters"
    if found.n_needed is None:
        return f"Nearest is {where}{alone}. More examples alone would hardly show it: surer answers are no better."
    return (
        f"Nearest is {where}{alone}. About {found.n_needed:,} labelled examples in all would show it if the figures "
        "stayed; the best of many seldom do, so plan for more."
    )


def _nowhere(found: Abstention) -> str:
    nowhere = "The answers are nowhere more accurate than that"
    reached = [p for p in known(found) if p.accuracy.small_support or p.accuracy.upper >= (found.launch or 0)]
    if not reached:
        return f"{nowhere}: a better model is needed."
    return f"{nowhere} on these examples, but too few were labelled to rule it out: label more, or take a better model."


def share(value: float) -> str:
    """Return a share as a percentage, with a decimal where it needs one.

    Examples
    --------
    >>> share(0.9), share(0.6234), share(0.999)
    ('90 %', '62 %', '99.9 %')
    """
    whole = f"{100 * value:.0f}"
    return f"{100 * value:.1f} %" if whole in ("0", "100") and 0 < value < 1 else f"{whole} %"


def bounds(estimate: Estimate) -> str:
    """Return a share with its interval as percentages.

    Examples
    --------
    >>> bounds(Estimate(0.951, 0.932, 0.965, 600))
    '95.1 % [93.2, 96.5]'
    """
    return f"{100 * estimate.value:.1f} % [{100 * estimate.lower:.1f}, {100 * estimate.upper:.1f}]"


def shown(found: Abstention) -> list[AbstentionPoint]:
    """Return the points next to 100 %, 90 % … 10 % of the examples, and the choice."""
    near = [min(found.points, key=lambda point: abs(point.coverage.value - c)) for c in COVERAGES]
    close = [p for p, c in zip(near, COVERAGES, strict=True) if abs(p.coverage.value - c) <= NEAR]
    return [point for point in found.points if point in close or point == found.choice]


def rows(found: Abstention) -> list[tuple[str, str]]:
    """Return share answered with its threshold, and accuracy; the choice is marked."""
    return [(answered(p), interval(p.accuracy) + (" ◆" if p == found.choice else "")) for p in shown(found)]


def answered(point: AbstentionPoint) -> str:
    """Return which share is answered, and where."""
    return f"{share(point.coverage.value)}, {sureness(point.threshold)}" if point.threshold else "all"


def known(found: Abstention) -> list[AbstentionPoint]:
    """Return the points that a picture shows: those with enough answers, and that of all."""
    return [point for point in found.points if point == found.points[0] or not point.accuracy.small_support]


def lowest(found: Abstention) -> float:
    """Return where the axis of accuracy begins in the report, which stands alone: 0.5, or 0 where needed."""
    lower = [point.accuracy.lower for point in known(found)]
    return 0.5 if min([*lower, found.launch or 1.0]) >= 0.5 else 0.0


def figure(found: Abstention) -> Figure:
    """Draw the accuracy of the answers, with its band, against the share that is answered."""
    from mlflow_evalplus.render import figures

    with figures.canvas(height=2.1) as drawing:
        draw(drawing.add_subplot(), found)
        figures.title(drawing, heading(found))
    return drawing


def heading(found: Abstention) -> str:
    """Return the answer as a picture's title."""
    if found.launch is None:
        return "accuracy against coverage"
    if found.choice is None:
        return f"none shown to reach {share(found.launch)}"
    return f"{share(found.choice.coverage.value) if found.partial else 'all'} can be answered"


def draw(axes: Axes, found: Abstention) -> None:
    """Draw the curve: the launch accuracy is a dashed line, the choice a diamond."""
    from mlflow_evalplus.render import figures

    answered, accuracy = zip(*((point.coverage.value, point.accuracy) for point in known(found)), strict=True)
    axes.fill_between(
        answered, [e.lower for e in accuracy], [e.upper for e in accuracy], color=figures.BLUE, alpha=0.18, linewidth=0
    )
    axes.plot(answered, [e.value for e in accuracy], color=figures.BLUE, linewidth=1.4)
    axes.plot([1, 1], [accuracy[0].lower, accuracy[0].upper], color=figures.BLUE, linewidth=1.4, clip_on=False)
    if found.launch is not None:
        axes.axhline(found.launch, color="black", linewidth=0.8, linestyle="--")
        below = accuracy[0].value >= found.launch  # the curve passes above the line, or ends beneath it
        x, shift, side, base = (0, (3, -2), "left", "top") if below else (1, (-1, 2), "right", "bottom")
        axes.annotate(
            f"asked: {share(found.launch)}", (x, found.launch), xytext=shift, textcoords="offset points", ha=side,
            va=base, fontsize=6.5,
        )  # fmt: skip
    if found.choice:
        _mark(axes, found.choice)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)  # in every run, so that pictures can be read beside each other
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axes.set_xlabel("answered, the surest first")
    axes.set_ylabel("right, of the answers")
    axes.spines[["top", "right"]].set_visible(False)


def _mark(axes: Axes, point: AbstentionPoint) -> None:
    from mlflow_evalplus.render import figures

    x, y = point.coverage.value, point.accuracy.value
    axes.plot([x, x], [0, y], color=figures.ORANGE, linewidth=0.8, linestyle=":")
    axes.plot(x, y, "D", color=figures.ORANGE, markersize=4.5, clip_on=False)
    text = f"{sureness(point.threshold)}:\n{100 * y:.1f} % right"
    axes.annotate(
        text, (x, 0), xytext=(-4 if x > 0.4 else 4, 5), textcoords="offset points",
        ha="right" if x > 0.4 else "left", va="bottom", fontsize=6.5, color=figures.ORANGE,
    )  # fmt: skip
