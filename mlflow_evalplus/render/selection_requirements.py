"""What candidates on a question set must clear, and which is taken, as a part of the page of requirements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlflow_evalplus.core.selection.decision import NEAR
from mlflow_evalplus.core.selection.priorities import PRIORITIES
from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.html import visible
from mlflow_evalplus.requirements import Requirements, SelectionGate, SelectionRules

COLUMNS = ("no.", "gate", "a candidate passes when")
MAX_GATES = 100
MAX_DIMENSIONS = 30


def given(requirements: Requirements) -> bool:
    """Whether the file has the section."""
    return requirements.selection != SelectionRules()


def alone(requirements: Requirements) -> bool:
    """Whether the file asks something of candidates on a question set, and nothing of a classifier."""
    classifies = requirements.thresholds or requirements.task.labels or requirements.error_costs
    return given(requirements) and not classifies


def section(requirements: Requirements) -> Iterator[str]:
    """Yield the section of the page; nothing where the file has none."""
    if not given(requirements):
        return
    gates = rows(requirements)
    yield "## What a candidate must clear on the question set"
    yield markdown.table(COLUMNS, gates[:MAX_GATES], numbers_from=len(COLUMNS))
    if len(gates) > MAX_GATES:
        yield f"… {len(gates) - MAX_GATES} more."
    yield "## Which candidate is taken on the question set"
    yield markdown.escape(" ".join(sentences(requirements)), limit=4000)


def rows(requirements: Requirements) -> list[tuple[str, str, str]]:
    """Return number, gate in words, and when a candidate passes it, of each gate; the one that holds where none is."""
    confidence = f"{requirements.confidence:.0%}"
    return [(str(i), str(g), passes(g, confidence)) for i, g in enumerate(requirements.selection.asked, start=1)]


def passes(gate: SelectionGate, confidence: str = "95%") -> str:
    """Return when a candidate passes a gate.

    Examples
    --------
    >>> passes(SelectionGate(metric="score", not_worse_than="large", margin=0.05))
    "the lower bound of the paired difference's 95% interval is at least -0.05, on at least 20 questions"
    """
    bound, least = ("upper", "at most") if gate.falling else ("lower", "at least")
    what, number = f"{confidence} interval", f"{gate.bound:,g}"
    if gate.not_worse_than:
        what, number = f"paired difference's {what}", f"{gate.bound:+,g}" if gate.bound else "0"
    return f"the {bound} bound of the {what} is {least} {number}, on at least {gate.min_questions:,} questions"


def sentences(requirements: Requirements) -> Iterator[str]:
    """Yield how much each dimension counts, what the utility is made of, and which candidate is taken."""
    rules = requirements.selection
    if rules.dimensions:
        yield _dimensions(rules.dimensions)
    else:
        yield "Every dimension counts the same in the score."
    parts = rules.weights or PRIORITIES[requirements.priority]
    by = "the weights of this file" if rules.weights else f"priority: {requirements.priority}"
    total = sum(parts.values())
    utility = ", ".join(f"{weight / total:.0%} {part}" for part, weight in parts.items() if weight)
    yield (
        f"Of those that clear every gate the one of highest utility is taken, if it can be told apart: {utility} "
        f"({by}). Of those that cannot, the one that is cheaper beyond doubt, if it measures at most "
        f"{100 * NEAR:g} points below the best."
    )


def _dimensions(weights: Mapping[str, float]) -> str:
    named = [f"{visible(name, 80)} {weight:g}" for name, weight in weights.items()]
    more = f", {len(named) - MAX_DIMENSIONS} more" if len(named) > MAX_DIMENSIONS else ""
    zero = " Weight 0 is shown and not counted." if not all(weights.values()) else ""
    return f"Weights in the score: {', '.join(named[:MAX_DIMENSIONS])}{more}; any other dimension 1.{zero}"
