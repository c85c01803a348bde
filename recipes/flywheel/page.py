"""The simulated year as Markdown, as a picture, and as one HTML page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from mlflow_evalplus.render import charts, html, markdown
from mlflow_evalplus.results import Difference
from recipes.flywheel.lines import FIRST, LINES, OLD, RANDOM, WHEEL, Lines, Point
from recipes.flywheel.parts import COLLECTED
from recipes.flywheel.recovery import percent
from recipes.flywheel.stream import PURITY, SHARE, TRAINED, TURNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recipes.flywheel.year import Year

STYLES = {OLD: "old", FIRST: "first", WHEEL: "wheel", RANDOM: "random"}
LEFT, RIGHT, TOP, BOTTOM = 46.0, 600.0, 14.0, 290.0
GAP = 17.0  # between the names at the ends of two lines
CONFIDENCE = "Intervals are 95 %; rows of one customer count as one. Differences are paired: the same messages."
OWN = f"{100 * (PURITY + (1 - PURITY) / 3):.0f} %"
PLANTED = (
    f"What is planted: from July on {100 * SHARE:.0f} % of the messages end with a new way of speaking (phrases.yaml), "
    f"which a model trained before reads the other way. A phrase does not give its label away: it is the message's own "
    f"with a probability of {OWN}, and always to say the most frequent label is right 40 % of the time."
)


class Drawn(NamedTuple):
    """A line of the chart: its style, what is written at its end and where, and its points."""

    style: str
    name: str
    value: str
    name_y: float
    points: list[tuple[float, float]]

    @property
    def path(self) -> str:
        """As SVG has it."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in self.points)


def sentence(year: Year) -> str:
    """Return what the wheel brought back, in one sentence."""
    wheel = year.lines.wheel
    turns = f"{_number(len(year.turns))} turns of {year.budget} labels"
    lost = f"of the {100 * wheel.lost.value:.1f} points of accuracy that new ways of speaking took"
    if wheel.none:
        return f"What {turns.lower()} brought back {lost} is not told apart from nothing: {wheel.bounded}."
    return f"{turns} brought back {wheel.summary} {lost}."


def further(year: Year) -> list[str]:
    """Return what else to know: random labels, the messages without a phrase, the collected cases."""
    found, last = year.lines, year.turns[-1].retrained
    said = [
        f"As many labels of messages drawn at random brought back {found.random.summary}; "
        f"the wheel less random labels: {points(found.better.gained)}.",
        f"On messages with a new phrase the wheel gained {points(found.phrased.gained)}, on those without "
        f"{points(found.plain.gained)}: so much comes of more labels alone.",
    ]
    said += [f"Collected cases that were never trained on, last turn: {part.summary}."
             for part in last.parts if part.name == COLLECTED]  # fmt: skip
    return said


def points(found: Difference) -> str:
    """Return a difference of accuracies in points with its interval.

    Examples
    --------
    >>> points(Difference(0.031, 0.004, 0.058, 0.02, 800))
    '+3.1 points [+0.4, +5.8]'
    """
    if math.isnan(found.value):
        return "undefined"
    return f"{html.points(found.value)} points [{html.points(found.lower)}, {html.points(found.upper)}]"


def page(year: Year) -> str:
    """Return the year as Markdown: the sentence, the months, the turns and the runs they left."""
    parts = ["### Flywheel: a simulated year", f"**{markdown.escape(sentence(year), limit=400)}**"]
    parts += [markdown.escape(line, limit=400) for line in further(year)]
    parts.append(markdown.table(["month", "without", "with", "difference, points"], _months(year.lines)))
    parts.append(markdown.table(["turn", "labels", "trained on", "gate on the test set"], _turns(year)))
    runs = [(turn.month, turn.queue_run, turn.adjudication_run, turn.retrained.run_id) for turn in year.turns]
    parts.append(markdown.table(["turn", "queue", "adjudication", "retrained"], runs, numbers_from=9))
    parts += [f"> {markdown.escape(line, limit=600)}" for line in (PLANTED, CONFIDENCE)]
    return "\n\n".join(parts)


def _months(found: Lines) -> list[tuple[str, str, str, str]]:
    first, wheel = ({point.month: point for point in found.of(line)} for line in (FIRST, WHEEL))
    rows = []
    for month, point in first.items():
        other = wheel.get(month)
        changed = points(other.difference).replace(" points", "") if other and other.difference else "–"
        rows.append((month, f"{point.accuracy.value:.3f}", f"{other.accuracy.value:.3f}" if other else "–", changed))
    return rows


def _turns(year: Year) -> list[tuple[str, str, str, str]]:
    return [
        (turn.month, f"{turn.n_labels} ({turn.n_agreed} agreed)",
         f"{turn.retrained.n_train:,} (version {turn.version.number})", turn.retrained.parts[-1].summary)
        for turn in year.turns
    ]  # fmt: skip


def _number(n: int) -> str:
    return {1: "One", 2: "Two", 3: "Three", 4: "Four"}.get(n, str(n))


def figure(year: Year) -> Figure:
    """Draw accuracy per month, a line for each way, named at its end."""
    from mlflow_evalplus.render import figures

    colours = {OLD: figures.GREY, FIRST: figures.ORANGE, WHEEL: figures.BLUE, RANDOM: figures.BLUE}
    dashes = {OLD: ":", FIRST: "-", WHEEL: "-", RANDOM: "--"}
    months = [point.month for point in year.lines.of(FIRST)]
    with figures.canvas(height=2.6) as drawing:
        axes = drawing.add_subplot()
        for line, label in ((OLD, OLD), (WHEEL, WHEEL), (RANDOM, RANDOM), (FIRST, FIRST)):
            found = year.lines.of(line)
            places = [months.index(point.month) for point in found]
            values = [point.accuracy.value for point in found]
            width = 2.0 if line in (FIRST, WHEEL) else 1.1
            axes.plot(places, values, dashes[line], color=colours[line], linewidth=width, label=label)
        for place in range(TRAINED, TRAINED + TURNS):
            axes.axvline(place + 0.5, color="#C8C8C8", linewidth=0.8, zorder=0)
        axes.set_xticks(range(len(months)), [month[-2:] for month in months])
        axes.set_xlabel("month; grey: a turn of the wheel")
        axes.set_ylabel("accuracy")
        axes.grid(axis="y", color="#E0E0E0", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=6.5, frameon=False, loc="lower left")
        figures.title(drawing, f"share recovered: {year.lines.wheel.summary}".replace(", not", "\nnot"))
    return drawing


def report(year: Year) -> str:
    """Return the year as one HTML page that loads nothing."""
    found = year.lines
    known = [point.accuracy.value for point in found.points]
    y = charts.ticks(min(known), max(known))
    months = [point.month for point in found.of(FIRST)]
    wide = (RIGHT - LEFT) / (len(months) - 1)
    across = {month: LEFT + wide * place for place, month in enumerate(months)}
    key = [
        (percent(found.wheel.share.value), "of the loss recovered", _bounds(found.wheel.share)),
        (html.points(-found.wheel.lost.value), "points lost to drift", _of(found.wheel.lost, -1)),
        (html.points(found.wheel.gained.value), "points with the wheel", _of(found.wheel.gained)),
        (html.points(found.random.gained.value), "points with random labels", _of(found.random.gained)),
    ]  # fmt: skip
    return html.page(
        "flywheel.html.j2", scripts=(), year=year, sentence=sentence(year), further=further(year), key=key,
        drawn=_drawn(found, across, y), ticks=[(tick, _height(tick, y)) for tick in y],
        months=list(across.items()), months_table=_months(found), turns=_turns(year),
        marks=[across[months[TRAINED + turn]] + wide / 2 for turn in range(TURNS)], lines=LINES,
        planted=PLANTED, confidence=CONFIDENCE, lost=_lost(found, across, y),
    )  # fmt: skip


def _bounds(found: object) -> str:
    lower, upper = getattr(found, "lower", math.nan), getattr(found, "upper", math.nan)
    return "" if math.isnan(lower) else f"{percent(lower)} to {percent(upper)}"


def _of(found: Difference, sign: int = 1) -> str:
    ends = sorted((sign * found.lower, sign * found.upper))
    return f"{html.points(ends[0])} to {html.points(ends[1])}"


def _height(value: float, y: list[float]) -> float:
    return BOTTOM - (BOTTOM - TOP) * charts.fraction(value, y[0], y[-1])


def _drawn(found: Lines, across: dict[str, float], y: list[float]) -> list[Drawn]:
    """Return the lines, their names moved apart at the right end, the highest first."""
    ends: list[tuple[float, str, list[Point]]] = []
    for line in STYLES:
        of_line = found.of(line)
        ends.append((_height(of_line[-1].accuracy.value, y), line, of_line))
    placed, last = [], -math.inf
    for end, line, of_line in sorted(ends, key=lambda one: one[0]):
        last = max(end, last + GAP)
        spots = [(across[point.month], _height(point.accuracy.value, y)) for point in of_line]
        placed.append(Drawn(STYLES[line], line, f"{of_line[-1].accuracy.value:.3f}", last + 4, spots))
    return placed


def _lost(found: Lines, across: dict[str, float], y: list[float]) -> str:
    """Return the area between the first model and the wheel: what the labels brought."""
    upper = [(across[p.month], _height(p.accuracy.value, y)) for p in found.of(WHEEL)]
    lower = {p.month: (across[p.month], _height(p.accuracy.value, y)) for p in found.of(FIRST)}
    back = [lower[p.month] for p in reversed(found.of(WHEEL))]
    return "M" + "L".join(f"{x:.1f} {at:.1f}" for x, at in (*upper, *back)) + "Z"
