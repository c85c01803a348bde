"""How many test examples to label, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_evalplus.core.power import DISAGREE, POINTS, POWER, Need, needs, to_label
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.requirements import Requirements

BETTER = 0.03


def sentences(
    requirements: Requirements, labels: Mapping[str, int], slices: Mapping[str, Mapping[str, int]], n: int
) -> list[str]:
    r"""Return how many test examples the requirements take in data like these, one sentence each, the largest last.

    Parameters
    ----------
    requirements : Requirements
    labels : mapping of str to int
        Rows of each label.
    slices : mapping of str to mapping of str to int
        Of each column the rows of each value.
    n : int
        Rows at hand.

    Examples
    --------
    >>> from mlflow_evalplus.requirements import load
    >>> wanted = load({"thresholds": [{"metric": "accuracy", "min": 0.9}], "prices": {"label": 0.1}})
    >>> print(*sentences(wanted, {"a": 300, "b": 300}, {}, 600), sep="\n")
    Test examples, for a model that is truly 3 points better than each number to pass with probability 80%:
    - accuracy at least 0.9: 740
    So label about 740 test examples, for 74 USD; the file has 600 rows.
    """
    classes = _shares(labels)
    parts = {column: _shares(values) for column, values in slices.items()}
    lines, most = [], 0
    for need in needs(requirements):
        count, better = _case(need)
        whole = None if count is None else to_label(count, need.threshold, classes, parts)
        lines.append(f"- {visible(str(need.threshold), 200)}: {_line(need, count, whole, better)}")
        most = max(most, whole or 0)
    if not lines:
        return []
    return [
        f"Test examples, for a model that is truly {_points(BETTER)} better than each number to pass with "
        f"probability {POWER:.0%}:",
        *lines,
        *([_total(requirements, most, n)] if most else []),
    ]


def _case(need: Need) -> tuple[int | None, str]:
    """Return how many examples, and for which model where it is not one that is 3 points better."""
    if need.threshold.not_worse_than:
        return need.as_good, f"if it is as good, and the two differ in being right on {DISAGREE:.0%}"
    possible = [(points, n) for points, n in zip(POINTS, need.n, strict=True) if n is not None and points <= BETTER]
    points, n = max(possible, default=(0.0, None))
    return n, "" if points == BETTER else f"if it is {_points(points)} better, as more is not possible"


def _points(points: float) -> str:
    return "1 point" if points == POINTS[0] else f"{100 * points:g} points"


def _line(need: Need, n: int | None, whole: int | None, better: str) -> str:
    if n is None:
        return "no number of examples shows it"
    counted = visible(need.of.removeprefix("examples").strip(), 100)
    line = f"{n:,} {counted}".rstrip() + (f", about {whole:,} as they come" if counted and whole else "")
    return f"{line}, {better}" if better else line


def _total(requirements: Requirements, most: int, n: int) -> str:
    prices = requirements.prices
    cost = f", for {most * prices.label:,.0f} {visible(prices.currency, 20)}" if prices.label else ""
    more = f"So label about {most:,} test examples{cost}; the file has {n:,} rows."
    if requirements.cluster:
        more += f" Rows of one {visible(requirements.cluster, 80)} count as less than a row each, so more is safer."
    return more


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}
