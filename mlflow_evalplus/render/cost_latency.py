"""Latency and money as a Markdown table."""

from __future__ import annotations

from mlflow_evalplus.render import markdown
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.results import Evaluation, number


def page(evaluation: Evaluation) -> str:
    """Return latency of single requests, throughput, and what predictions and errors cost."""
    rows: list[tuple[str, str]] = []
    latency = evaluation.latency
    if latency:
        rows += [(f"{key} (one request)", f"{interval(e)} ms") for key, e in latency.single.items()]
        rows.append((f"throughput (batch of {latency.batch_size:,})", f"{number(latency.throughput_per_s)} per s"))
    currency = evaluation.requirements.prices.currency if evaluation.requirements else ""
    if evaluation.cost_per_1000 is not None:
        rows.append(("cost of 1,000 predictions", f"{evaluation.cost_per_1000:.2g} {currency}"))
    if "error_cost" in evaluation.metrics:
        rows.append(("cost of errors, per example", f"{interval(evaluation.metrics['error_cost'])} {currency}"))
    text = markdown.table(["figure", "value"], rows) if rows else "No model was asked, so nothing was timed."
    machine = f"\n\nMeasured on {markdown.escape(latency.machine)}." if latency else ""
    return f"### Cost and latency\n\n{text}{machine}"
