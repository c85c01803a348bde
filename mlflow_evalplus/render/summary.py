"""The answer in five seconds: verdict, key figures, weak slices, what to do next."""

from __future__ import annotations

from mlflow_evalplus import names
from mlflow_evalplus.core.abstention import launch_accuracy
from mlflow_evalplus.render import abstention, actions, labels, markdown
from mlflow_evalplus.render.classes import interval, measured
from mlflow_evalplus.render.confusion import largest_errors
from mlflow_evalplus.render.data_checks import other_notes, untrusted
from mlflow_evalplus.render.slices import gap
from mlflow_evalplus.results import Evaluation, Gate, Outcome

KEY_FIGURES = ("accuracy", "f1_macro", "balanced_accuracy", "cohen_kappa", "error_cost")
MARKS = {Outcome.PASS: "✔ pass", Outcome.FAIL: "✘ fail", Outcome.UNDECIDED: "? undecided"}
MAX_GATES = 12


def page(evaluation: Evaluation) -> str:
    """Return the page that opens a run."""
    parts = [
        f"## {MARKS[evaluation.verdict.outcome]}",
        *_untrusted(evaluation),
        _figures(evaluation),  # before sentences of different lengths: the rows of several runs stand side by side
        markdown.escape(evaluation.verdict.sentence, limit=600),
        actions.table(evaluation.attribution.actions) if evaluation.attribution else "",
        _next(evaluation),
        _ceiling(evaluation),
        _gates(evaluation.verdict.gates),
    ]
    parts += [f"> {markdown.escape(note, limit=600)}" for note in other_notes(evaluation)]
    return "\n\n".join(part for part in parts if part)


def description(evaluation: Evaluation) -> str:
    """Return a run's description: the same page after the answer in two lines, as MLflow folds away what follows."""
    n_first = 1 + len(untrusted(evaluation))
    blocks = page(evaluation).split("\n\n")
    first_blocks, rest = "\n\n".join(blocks[:n_first]), "\n\n".join(blocks[n_first:])
    steps = (
        [f"{row.text} ({row.summary})" for row in evaluation.attribution.actions.rows] if evaluation.attribution else []
    )
    first = next(iter(steps + next_steps(evaluation)), "")
    next_step = f" **Next:** {markdown.escape(first, limit=300)}." if first else ""
    return f"{first_blocks}\n\nAccuracy {interval(evaluation.metrics['accuracy'])}.{next_step}\n\n{rest}"


def _untrusted(evaluation: Evaluation) -> list[str]:
    return [f"**{markdown.escape(error, limit=600)}**" for error in untrusted(evaluation)]


def _figures(evaluation: Evaluation) -> str:
    own = tuple(key for key in evaluation.metrics if key not in names.ALL_METRICS)
    rows = [(key, interval(evaluation.metrics[key])) for key in KEY_FIGURES + own if key in evaluation.metrics]
    if evaluation.latency and "latency_ms_p95" in evaluation.latency.single:
        rows.append(("latency p95, ms", interval(evaluation.latency.single["latency_ms_p95"])))
    confidence = f"{evaluation.confidence:.0%}"
    return markdown.table([f"{evaluation.n:,} examples", f"value [{confidence} interval]"], rows)


def next_steps(evaluation: Evaluation) -> list[str]:
    """Return what else to do next, what stands in the table of actions left out."""
    steps = []
    partly = abstention.step(evaluation.abstention) if evaluation.abstention else ""
    if partly and evaluation.verdict.outcome is not Outcome.PASS:
        steps.append(partly)
    attributed = evaluation.attribution is not None
    weak = [row for row in evaluation.slices.rows if row.weak]
    if weak and not attributed:
        row = weak[0]
        steps.append(f"look at the slice {row.name}: {gap(row)} points against the rest on {row.n} examples")
    declared = {row.name for row in evaluation.slices.rows}
    found = evaluation.discovery.rows if evaluation.discovery else ()
    hidden = next((row for row in found if row.name not in declared), None)
    if hidden:
        where = f"{hidden.name}, which nobody declared"
        steps.append(f"look at {where}: {100 * hidden.gap:+.1f} points against the rest on {hidden.n} examples")
    errors = sum(n for _, _, n in largest_errors(evaluation.confusion, limit=None))
    for label, prediction, n in largest_errors(evaluation.confusion, limit=1):
        steps.append(f"read the {n:,.0f} examples of {label} taken for {prediction}: {n / errors:.0%} of all errors")
    nearest = min(evaluation.verdict.plan, key=lambda line: line.n_more, default=None)
    if nearest:
        n_open = sum(gate.outcome is Outcome.UNDECIDED for gate in evaluation.verdict.gates)
        text = nearest.text[:1].lower() + nearest.text[1:].rstrip(".")
        steps.append(text + (f", the nearest of {n_open} open requirements" if n_open > 1 else ""))
    return steps


def _next(evaluation: Evaluation) -> str:
    steps = next_steps(evaluation)
    return "### Look closer\n\n" + "\n".join(f"- {markdown.escape(step, limit=400)}" for step in steps) if steps else ""


def _ceiling(evaluation: Evaluation) -> str:
    """Return what the labels allow, in a sentence."""
    if evaluation.label_quality is None or evaluation.label_quality.ceiling is None:
        return ""
    said = labels.sentences(evaluation.label_quality, evaluation.metrics["accuracy"], launch(evaluation))
    return markdown.escape(" ".join(said[key] for key in ("ceiling", "run", "launch") if key in said), limit=600)


def launch(evaluation: Evaluation) -> float | None:
    """Return the accuracy over all examples that the requirements ask for."""
    return launch_accuracy(evaluation.requirements)


def _gates(gates: tuple[Gate, ...]) -> str:
    if not gates:
        return ""
    order = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}
    ranked = sorted(gates, key=lambda gate: order[gate.outcome])
    rows = [(gate.requirement, f"{MARKS[gate.outcome][0]} {measured(gate)}") for gate in ranked[:MAX_GATES]]
    left = len(gates) - MAX_GATES
    more = f"\n\n… {left} more in `evalplus/evaluation.json`." if left > 0 else ""
    return "### Requirements\n\n" + markdown.table(["requirement", "measured"], rows) + more
