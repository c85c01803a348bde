"""The classes as a Markdown table."""

from __future__ import annotations

from mlflow_evalplus.render import markdown
from mlflow_evalplus.results import Classes, Estimate, Gate, number

MAX_ROWS = 20


def page(classes: Classes) -> str:
    """Return recall, precision, F1 and, with probabilities, AUC of every class, each a table of two columns."""
    shown = classes.rows[:MAX_ROWS]
    parts = ["### Classes"]
    for metric, title in (("recall", "recall"), ("precision", "precision"), ("f1", "F1"), ("roc_auc", "AUC")):
        given = [(row.name, row.metrics[metric]) for row in shown if metric in row.metrics]
        rows = [(f"{name} ({estimate.n:,})", interval(estimate)) for name, estimate in given]
        parts += [markdown.table(["class (n)", title], rows)] if rows else []
    if len(classes.rows) > MAX_ROWS:
        parts.append(f"{len(classes.rows) - MAX_ROWS} more classes are in `evalplus/classes.json`.")
    return "\n\n".join(parts)


def interval(estimate: Estimate) -> str:
    """Return ``0.914 [0.902, 0.925]``, marked with ° where its support is small."""
    if not estimate.defined:
        return "undefined"
    mark = "°" if estimate.small_support else ""
    return f"{number(estimate.value)}{mark} [{number(estimate.lower)}, {number(estimate.upper)}]"


def measured(gate: Gate) -> str:
    """Return what a gate rests on: an estimate or, with its sign, a difference from the baseline."""
    found = gate.estimate
    if found is None:
        return "not measured"
    if gate.relative and found.defined:
        return f"{found.value:+.3f} [{found.lower:+.3f}, {found.upper:+.3f}]"
    return interval(found)
