"""A verdict as GitHub-flavoured Markdown: what a CI job shows on its page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import measured
from mlflow_evalplus.render.data_checks import other_notes, untrusted
from mlflow_evalplus.render.summary import MARKS
from mlflow_evalplus.results import Evaluation, Gate, Outcome, Sampling

ORDER = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}
MAX_GATES = 200  # GitHub takes a megabyte
MAX_PLAN = 20
MAX_NOTES = 20


def page(evaluation: Evaluation, run: str, run_id: str = "") -> str:
    """Return the verdict in one line, its gates, what to label where one is undecided, and what to know.

    Parameters
    ----------
    evaluation : Evaluation
        With its verdict.
    run : str
        The run's name.
    run_id : str
    """
    verdict = evaluation.verdict
    parts = [
        f"## {MARKS[verdict.outcome]}: {markdown.escape(run)}",
        *(f"**{markdown.escape(error, limit=600)}**" for error in untrusted(evaluation)),
        markdown.escape(verdict.sentence, limit=600),
        _gates(verdict.gates, f"{evaluation.confidence:.0%}"),
        _plan(verdict.plan),
        *(f"> {markdown.escape(note, limit=600)}" for note in other_notes(evaluation)[:MAX_NOTES]),
        _origin(evaluation, run_id),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _gates(gates: Sequence[Gate], confidence: str) -> str:
    """Return the gates as a table, those that fail first."""
    if not gates:
        return "Add `thresholds` to requirements.yaml; `mlflow-evalplus init` drafts them."
    ranked = sorted(gates, key=lambda gate: ORDER[gate.outcome])
    rows = [
        (gate.requirement, measured(gate), MARKS[gate.outcome], _decides(gate))
        for gate in ranked[:MAX_GATES]
    ]  # fmt: skip
    headers = ["requirement", f"measured \\[{confidence} interval\\]", "verdict", "what decides"]
    more = f"\n\n… {len(gates) - MAX_GATES} more." if len(gates) > MAX_GATES else ""
    return markdown.table(headers, rows, numbers_from=len(headers), limit=300) + more


def _decides(gate: Gate) -> str:
    """Return what a gate's reason says beyond the other columns."""
    reason = gate.reason.removeprefix(f"{gate.requirement}: ")
    rest = re.search(r" (on [\d,]+ .*)$", reason, re.DOTALL)
    return rest[1] if gate.estimate and rest else reason


def _plan(plan: Sequence[Sampling]) -> str:
    if not plan:
        return ""
    lines = [f"- {markdown.escape(sampling.text, limit=400)}" for sampling in plan[:MAX_PLAN]]
    more = [f"- … {len(plan) - MAX_PLAN} more."] if len(plan) > MAX_PLAN else []
    return "### What to label\n\n" + "\n".join(lines + more)


def _origin(evaluation: Evaluation, run_id: str) -> str:
    asked = evaluation.requirements.digest if evaluation.requirements else ""
    baseline = evaluation.verdict.baseline
    facts = [("run", run_id), ("baseline", baseline), ("requirements", asked), ("test set", evaluation.data_digest)]
    shown = [f"{what} {markdown.escape(value)}" for what, value in facts if value]
    return " · ".join([*shown, f"{evaluation.n:,} examples"])
