"""Requirements as the page that one hands to the engineering team, and as a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from mlflow_evalplus import names
from mlflow_evalplus.core.choice import PRIORITIES
from mlflow_evalplus.core.power import DISAGREE, POINTS, POWER, Need, needs
from mlflow_evalplus.render import markdown, monitor_requirements, selection_requirements
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.requirements import Requirements, Threshold

MAX_ROWS = 100
MAX_MATRIX = 10
MAX_COSTS = 30
LAUNCH = ("no.", "requirement", "holds when")
AS_GOOD = "as good"
PLANNED = ("no.", "counted", *(f"+{100 * points:g}" for points in POINTS), AS_GOOD)


def page(requirements: Requirements) -> str:
    """Return the page in Markdown: what is asked, how it is judged, and how many labelled examples that takes."""
    parts = [
        *(
            ["# Requirements of a selection"]
            if selection_requirements.alone(requirements)
            else _of_a_classifier(requirements)
        ),
        *monitor_requirements.section(requirements),
        *selection_requirements.section(requirements),
        f"Digest of these requirements: `{requirements.digest}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _of_a_classifier(requirements: Requirements) -> Iterator[str]:
    yield from (
        f"# Launch requirements: {markdown.escape(requirements.task.name)}",
        _task(requirements),
        "## What must hold before launch",
        _launch(requirements),
        "## Which candidate is taken",
        _sentence(choice(requirements)),
        "## Where it is looked",
        "\n".join(f"- {_sentence(line)}" for line in _places(requirements)),
        *_costs(requirements),
        *_prices(requirements),
        *_planning(requirements),
    )


def terminal(requirements: Requirements) -> Iterator[RenderableType]:
    """Yield the requirements, how many examples they take, and the choice."""
    asked, planned = rows(requirements), plan(requirements)
    selects = selection_requirements.alone(requirements)
    if not selects:
        yield _grid(LAUNCH, asked)
    if planned:
        yield Text(f"Labelled examples, to pass with probability {POWER:.0%} if truly that many points better:")
        yield _grid(PLANNED, planned)
    if alerts := monitor_requirements.rows(requirements):
        yield _grid(monitor_requirements.COLUMNS, alerts)
    if not selects:
        yield Text(visible(choice(requirements)))
    gates: list[tuple[str, str, str]] = []
    if selection_requirements.given(requirements):
        gates = selection_requirements.rows(requirements)
        yield _grid(selection_requirements.COLUMNS, gates)
        yield Text(visible(" ".join(selection_requirements.sentences(requirements)), 4000))
    yield Text(f"{len(asked) + len(gates)} requirements, digest {requirements.digest}")


def rows(requirements: Requirements) -> list[tuple[str, str, str]]:
    """Return number, requirement in words, and when it holds, of each threshold."""
    confidence = f"{requirements.confidence:.0%}"
    return [(str(i), str(t), judged(t, confidence)) for i, t in enumerate(requirements.thresholds, start=1)]


def judged(threshold: Threshold, confidence: str = "95%") -> str:
    """Return by which bound of which interval a threshold is judged.

    Examples
    --------
    >>> judged(Threshold(metric="accuracy", min=0.9))
    'the lower bound of the 95% interval is at least 0.9'
    """
    if threshold.metric == names.N_EXAMPLES:
        return "counted, so there is no interval"
    if threshold.not_worse_than:
        falling = threshold.metric in names.LOWER_IS_BETTER
        bound, least = (
            ("upper", f"at most +{threshold.margin:g}") if falling else ("lower", f"at least {-threshold.margin:g}")
        )
        return f"the {bound} bound of the paired difference's {confidence} interval is {least}"
    if threshold.min is not None:
        return f"the lower bound of the {confidence} interval is at least {threshold.min:g}"
    return f"the upper bound of the {confidence} interval is at most {threshold.max:g}"


def plan(requirements: Requirements) -> list[tuple[str, ...]]:
    """Return number, what is counted, and how many examples: for a model 1, 2, 3 and 5 points better, and as good."""
    return [
        (str(need.number), need.of, *(_about(need, n) for n in need.n),
         _about(need, need.as_good) if need.threshold.not_worse_than else "never")
        for need in needs(requirements)
    ]  # fmt: skip


def choice(requirements: Requirements) -> str:
    """Return by what a candidate is taken among those that pass, in a sentence.

    Examples
    --------
    >>> choice(Requirements(weights={"accuracy": 3, "error_cost": 1}))
    'Among those that pass, the best is taken: 75% accuracy, 25% error_cost, each scaled to 0 … 1.'
    """
    if requirements.weights:
        total = sum(requirements.weights.values())
        counted = ", ".join(f"{weight / total:.0%} {metric}" for metric, weight in requirements.weights.items())
        return f"Among those that pass, the best is taken: {counted}, each scaled to 0 … 1."
    looked = [" and ".join(map(_best, weights)) for weights in PRIORITIES[requirements.priority]]
    other = "".join(f", else {what}" for what in looked[1:])
    return f"Among those that pass, the one with {looked[0]} is taken{other} (priority: {requirements.priority})."


def _best(metric: str) -> str:
    return f"the {'lowest' if metric in names.LOWER_IS_BETTER else 'highest'} {metric}"


def plain(requirements: Requirements) -> dict[str, Any]:
    """Return the same for machines: the content, each requirement in words, and the numbers of examples."""
    found = {need.number: need for need in needs(requirements)}
    listed = [
        {"number": i, "requirement": str(t), "holds_when": judged(t, f"{requirements.confidence:.0%}"),
         **({"counted": found[i].of, "examples_needed": list(found[i].n),
            "examples_needed_as_good": found[i].as_good} if i in found else {})}
        for i, t in enumerate(requirements.thresholds, start=1)
    ]  # fmt: skip
    return {
        "digest": requirements.digest, "choice": choice(requirements), "requirements": listed, "points": list(POINTS),
        "power": POWER, "content": requirements.model_dump(mode="json", by_alias=True, exclude_none=True),
    }  # fmt: skip


def _task(requirements: Requirements) -> str:
    task = requirements.task
    what = f"the column {task.text}" if task.text else "each row"
    labels = (
        f"one of {len(task.labels)} labels: {_listed(task.labels)}" if task.labels else "one of the labels in the data"
    )
    return _sentence(f"Classified is {what}, as {labels}. The right answer is in the column {task.label}.", limit=4000)


def _launch(requirements: Requirements) -> str:
    if not requirements.thresholds:
        return "Nothing yet: add `thresholds`. Without any, every verdict is undecided."
    asked = rows(requirements)
    table = markdown.table(LAUNCH, asked[:MAX_ROWS], numbers_from=len(LAUNCH))
    more = f"\n\n… {len(asked) - MAX_ROWS} more." if len(asked) > MAX_ROWS else ""
    return (
        f"{table}{more}\n\nAn interval's bound must clear the number, not the measured value: so a lucky test set "
        "launches nothing. Where the interval holds the number the verdict is *undecided*, and says how many more "
        "labelled examples would decide."
    )


def _places(requirements: Requirements) -> Iterator[str]:
    if requirements.slices:
        deep = f", and crossed up to {requirements.intersections} at a time" if requirements.intersections > 1 else ""
        yield f"Slices: every value of {_listed(requirements.slices)}{deep}."
    else:
        yield "Slices: none are declared."
    if requirements.discover:
        yield f"Weak slices that nobody declared are searched, up to {requirements.discover} columns or words together."
    if requirements.cluster:
        yield f"Rows of one {requirements.cluster} are not independent; intervals allow for it."


def _costs(requirements: Requirements) -> Iterator[str]:
    costs, currency = requirements.error_costs, markdown.escape(requirements.prices.currency)
    if not costs:
        return
    yield f"## What an error costs, {currency}"
    named = dict.fromkeys([*requirements.task.labels, *costs, *(p for row in costs.values() for p in row)])
    if len(named) <= MAX_MATRIX:
        cells = [
            (label, *("" if label == p else f"{costs.get(label, {}).get(p, 0.0):g}" for p in named)) for label in named
        ]
        yield markdown.table(["label ↓ answered →", *map(markdown.escape, named)], cells)
        return
    listed = sorted(((c, label, p) for label, row in costs.items() for p, c in row.items()), key=lambda x: -x[0])
    yield markdown.table(
        ["label", "answered", "cost"], [(a, p, f"{c:g}") for c, a, p in listed[:MAX_COSTS]], numbers_from=2
    )
    if len(listed) > MAX_COSTS:
        yield f"… {len(listed) - MAX_COSTS} more, none dearer."


def _prices(requirements: Requirements) -> Iterator[str]:
    prices = requirements.prices
    given = [
        ("machine hour", prices.machine_per_hour), ("1,000 requests", prices.per_1000_requests), ("label", prices.label)
    ]  # fmt: skip
    known = [(what, f"{price:g}") for what, price in given if price is not None]
    if known:
        yield f"## Prices, {markdown.escape(prices.currency)}"
        yield markdown.table(["for one", "price"], known)


def _planning(requirements: Requirements) -> Iterator[str]:
    planned = plan(requirements)
    if not planned:
        return
    yield "## How many labelled test examples this takes"
    yield (
        "A model that is truly so many points better than the number asked for, or than the baseline, passes with "
        f"probability {POWER:.0%} from this many examples on, each requirement by itself:"
    )
    points = (f"{name} {'point' if name == '+1' else 'points'}" for name in PLANNED[2:-1])
    yield markdown.table((*PLANNED[:2], *points, AS_GOOD), planned[:MAX_ROWS], numbers_from=2)
    yield " ".join(_remarks(requirements, needs(requirements)))


def _remarks(requirements: Requirements, found: Sequence[Need]) -> Iterator[str]:
    lucky = (1 - requirements.confidence) / 2
    yield f"Never: a model that is only as good as the number passes about {lucky:.1%} of the time, by luck."
    if any(None in need.n for need in found):
        yield "–: no model can be that much better."
    if any(need.threshold.not_worse_than for need in found):
        yield f"≈: if the model and the baseline differ in being right on {DISAGREE:.0%} of the examples."
    if requirements.cluster:
        what = f"Rows of one {requirements.cluster} count as less than a row each, so plan for more."
        yield markdown.escape(what, limit=600)
    if len(found) < len(requirements.thresholds):
        yield "For the other requirements the number depends on the model; the gate says it once there is a run."


def _about(need: Need, n: int | None) -> str:
    if n is None:
        return "–"
    return f"≈ {n:,}" if need.threshold.not_worse_than else f"{n:,}"


def _listed(values: Sequence[str], limit: int = 50) -> str:
    more = f" and {len(values) - limit} more" if len(values) > limit else ""
    return ", ".join(visible(value, 80) for value in values[:limit]) + more


def _sentence(text: str, limit: int = 1000) -> str:
    return markdown.escape(text, limit=limit)


def _grid(headers: Sequence[str], lines: Sequence[Sequence[str]]) -> Table:
    table = Table(*headers, box=box.SIMPLE_HEAD)
    for line in lines:
        table.add_row(*(Text(visible(cell, 200)) for cell in line))
    return table
