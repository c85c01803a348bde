"""Answers about a launch → requirements.yaml, each number with a comment that explains it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Answers:
    """The numbers of a launch; None leaves one out.

    Attributes
    ----------
    accuracy : float
        Needed over all examples, between 0 and 1.
    column, part : str and float, or None
        A slice column, and the accuracy needed in each of its values.
    found, recall : str and float, or None
        A class that must not be missed, and the share of it that must be found.
    dearest : tuple of str, or None
        The error that costs most: the right label, and what it is taken for.
    dearest_cost, other_cost : float
        Money for one such error, and for any other.
    margin : float or None
        By how much accuracy may be worse than the baseline's, in each value of `column` where there is one.
    latency_ms : float or None
        Within which 95 of 100 requests must be answered.
    label_price : float or None
        Money for one label.
    currency : str
    """

    accuracy: float = 0.9
    column: str | None = None
    part: float | None = None
    found: str | None = None
    recall: float | None = None
    dearest: tuple[str, str] | None = None
    dearest_cost: float = 10.0
    other_cost: float = 1.0
    margin: float | None = None
    latency_ms: float | None = None
    label_price: float | None = None
    currency: str = "USD"


def write(
    answers: Answers, *, source: str, label: str, labels: Sequence[str], text: str | None, slices: Sequence[str],
    cluster: str | None,
) -> str:  # fmt: skip
    """Return the YAML text; what was not answered stands in it as a comment, ready to be taken up."""
    lines = [
        _comment(f"Drafted from {source}. Each threshold is cleared by its interval bound, not by the point."),
        "schema_version: 1",
        "task:",
        "  name: classification",
        *([f"  text: {_flow(text)}"] if text else []),
        f"  label: {_flow(label)}",
        f"  labels: {_flow(list(labels))}",
        _comment("Which of the candidates that pass is taken: accuracy, fluency, stability or cost."),
        "priority: accuracy",
        _comment("Columns of which every value is looked at."),
        f"slices: {_flow(list(slices))}",
        _comment("Their values are crossed too, up to this many columns at a time."),
        "intersections: 2",
        _comment("Weak slices that nobody declared are searched, up to this many columns or words together."),
        "discover: 2",
        *_cluster(cluster),
        _comment("Of 100 such intervals 95 hold the true value; 0.99 is safer and takes more examples."),
        "confidence: 0.95",
        _comment("What must hold before launch: set these numbers with the business."),
        "thresholds:",
    ]
    thresholds = [(asked, why, f"- {_flow(threshold)}") for asked, why, threshold in _thresholds(answers, labels)]
    money = [(answers.dearest is not None, *_costs(answers, labels)), (_priced(answers), *_prices(answers))]
    lines += [*_section(thresholds), *_section(money)]
    return "\n".join(lines) + "\n"


def _section(options: Sequence[tuple[bool, str, str]]) -> Iterator[str]:
    """Yield what was asked for, each line under its comment, then the rest as comments."""
    yield from (part for asked, why, line in options if asked for part in (_comment(why), line))
    rest = [(why, line) for asked, why, line in options if not asked]
    if rest:
        yield "# Not asked for; take the '# ' before a line away to ask for it:"
    yield from (part for why, line in rest for part in (_comment(f"  {why}"), f"# {line}"))


def _cluster(cluster: str | None) -> list[str]:
    if not cluster:
        return []
    why = f"Rows of one {cluster} are alike, so they count as less than a row each: intervals are wider."
    return [_comment(why), f"cluster: {_flow(cluster)}"]


def _thresholds(answers: Answers, labels: Sequence[str]) -> Iterator[tuple[bool, str, dict[str, Any]]]:
    """Yield whether it was asked for, what it means, and the threshold."""
    column = answers.column
    everywhere = f" in every {column}" if column else ""
    every = {"every": column} if column else {}
    yield True, f"{_of_100(answers.accuracy)} examples are answered right.", {
        "metric": "accuracy", "min": answers.accuracy
    }  # fmt: skip
    if column:
        part = 0.85 if answers.part is None else answers.part
        yield answers.part is not None, f"{_of_100(part)}{everywhere} too: a good average can hide a bad part.", {
            "metric": "accuracy", **every, "min": part
        }  # fmt: skip
    found, recall = answers.found or labels[0], 0.9 if answers.recall is None else answers.recall
    yield answers.found is not None, f"{_of_100(recall)} examples of {found} are found; the others are missed.", {
        "metric": "recall", "class": found, "min": recall
    }  # fmt: skip
    margin = 0.01 if answers.margin is None else answers.margin
    yield answers.margin is not None, f"A new version is at most {_points(margin)} worse than the old{everywhere}.", {
        "metric": "accuracy", **every, "not_worse_than": "baseline", "margin": _plain(margin)
    }  # fmt: skip
    limit = 50 if answers.latency_ms is None else _plain(answers.latency_ms)
    yield answers.latency_ms is not None, f"95 of 100 single requests are answered within {limit:g} ms.", {
        "metric": "latency_ms_p95", "max": limit
    }  # fmt: skip


def _costs(answers: Answers, labels: Sequence[str]) -> tuple[str, str]:
    """Return what error costs mean, and the line that states them."""
    label, prediction = answers.dearest or (labels[0], labels[-1])
    dearest, other = _plain(answers.dearest_cost), _plain(answers.other_cost)
    costs = {label: {prediction: dearest}}
    if answers.dearest:
        costs = {a: {b: dearest if (a, b) == answers.dearest else other for b in labels if b != a} for a in labels}
    why = f"Money lost by one error. The dearest: {label} taken for {prediction}."
    return why, f"error_costs: {_flow(costs)}"


def _prices(answers: Answers) -> tuple[str, str]:
    """Return what prices mean, and the line that states them; of costs alone it is the currency."""
    if answers.dearest and answers.label_price is None:
        return "The currency of these costs.", f"prices: {_flow({'currency': answers.currency})}"
    price = 0.1 if answers.label_price is None else _plain(answers.label_price)
    why = "What one label costs: plans to label more come with their price."
    return why, f"prices: {_flow({'currency': answers.currency, 'label': price})}"


def _priced(answers: Answers) -> bool:
    return answers.label_price is not None or answers.dearest is not None


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value


def _of_100(share: float) -> str:
    return f"At least {100 * share:g} of 100"


def _points(share: float) -> str:
    return f"{100 * share:g} point{'' if math.isclose(share, 0.01) else 's'}"


def _comment(text: str) -> str:
    """Return a comment on one line, whatever the names in it."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return f"# {plain if len(plain) <= 400 else plain[:399] + '…'}"


class _Dumper(yaml.SafeDumper):
    """Writes a text that would break a line within quotes, escaped."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _string)


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=math.inf
    )  # fmt: skip
    return text.removesuffix("\n").removesuffix("\n...")
