"""The report of one run: everything that is known of it, as one HTML page."""

from __future__ import annotations

import math
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution import attribute
from mlflow_evalplus.render import charts, cost_latency, examples, html, labels, summary
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.confusion import MAX_LABELS, largest_errors
from mlflow_evalplus.results import Confusion, Estimate, Evaluation, Gate, Outcome, number
from mlflow_evalplus.results.attribution import Attribution, Source
from mlflow_evalplus.results.causes import CAUSES
from mlflow_evalplus.results.labels import LabelQuality

MAX_BYTES = 490_000
MAX_GATES = 100
MAX_CLASSES = 60
MAX_SLICES = 200
MAX_FINDINGS = 50
MAX_SOURCES = 20
MAX_PAIRS = 3
TITLES = {
    "accuracy": "accuracy", "f1_macro": "F1 macro", "balanced_accuracy": "balanced accuracy",
    "f1_weighted": "F1 weighted", "precision_macro": "precision macro", "cohen_kappa": "Cohen’s κ", "mcc": "MCC",
    "log_loss": "log-loss", "brier": "Brier score", "top_2_accuracy": "top-2 accuracy",
    "ece": "calibration error (ECE)",
    "error_cost": "cost of errors, per example", "roc_auc": "AUC", "recall": "recall", "precision": "precision",
    "f1": "F1",
}  # fmt: skip
ORDER = {Outcome.FAIL: 0, Outcome.UNDECIDED: 1, Outcome.PASS: 2}


def report(evaluation: Evaluation, run_name: str = "") -> str:
    """Return the report of a run as one HTML file, which loads nothing; ``log`` logs it.

    Where the rows are at hand and nobody has asked ``attribute`` yet, the errors are attributed first.

    Parameters
    ----------
    evaluation : Evaluation
    run_name : str
        Heads the page.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> from mlflow_evalplus.core.evaluation import evaluate
    >>> html = report(evaluate(pd.DataFrame({"label": list("aab"), "prediction": list("aba")})))
    >>> "What to do next" in html
    True
    """
    explained = evaluation.attribution is not None or evaluation.predictions is None
    return page(evaluation if explained else attribute(evaluation), run_name)


def page(evaluation: Evaluation, run_name: str = "") -> str:
    """Return the page of a run's report.

    Under 500 KB whatever the data: of examples, slices and classes so many are shown as fit, with the number of all,
    and texts are cut.

    Parameters
    ----------
    evaluation : Evaluation
        Where its rows are at hand, the confusion matrix lists examples; where it was attributed, with their causes.
    run_name : str
    """
    for share in (1.0, 0.5, 0.25, 0.1):
        text = _page(evaluation, run_name, share)
        if len(text.encode()) < MAX_BYTES:
            break
    return text


def _page(evaluation: Evaluation, run_name: str, share: float) -> str:
    """Return the page with this share of the examples and rows that are shown at most."""
    listed = examples.cells(evaluation, int(share * examples.MAX_BYTES))
    return html.page(
        "report.html.j2",
        scripts=("enhance.js", "report.js"),
        evaluation=evaluation,
        run_name=run_name,
        verdict=_verdict(evaluation),
        actions=_actions(evaluation.attribution),
        steps=summary.next_steps(evaluation),
        figures=_figures(evaluation),
        metrics=[(TITLES.get(key, key), estimate) for key, estimate in evaluation.metrics.items()],
        gates=_gates(evaluation.verdict.gates)[: int(share * MAX_GATES)],
        matrix=_matrix(evaluation.confusion, listed),
        weighted=not math.isclose(evaluation.confusion.n, evaluation.n),
        listed=listed,
        classes=evaluation.classes.rows[: int(share * MAX_CLASSES)],
        class_metrics=_class_metrics(evaluation),
        slices=evaluation.slices.rows[: int(share * MAX_SLICES)],
        errors=_errors(evaluation.attribution),
        quality=_quality(evaluation),
        findings=evaluation.discovery.rows[:MAX_FINDINGS] if evaluation.discovery else (),
        costs=cost_latency.rows(evaluation),
        busy=cost_latency.busy(evaluation.latency) if evaluation.latency and evaluation.latency.busy else "",
        notes=(*evaluation.verdict.notes, *evaluation.notes)[:50],
        TITLES=TITLES,
        CAUSES=CAUSES,
        MARKS={outcome: text.split()[0] for outcome, text in summary.MARKS.items()},
        names=names,
    )


def _verdict(evaluation: Evaluation) -> dict[str, Any]:
    """Return the outcome, how many gates have which, and the sentence without the words that the title holds."""
    verdict = evaluation.verdict
    opening, _, rest = verdict.sentence.partition(": ")
    sentence = rest or opening
    counts = [(outcome, sum(gate.outcome is outcome for gate in verdict.gates)) for outcome in ORDER]
    return {
        "outcome": verdict.outcome,
        "sentence": f"{sentence[:1].upper()}{sentence[1:].removesuffix('.')}.",
        "counts": ", ".join(f"{n} {outcome}" for outcome, n in counts if n),
        "weak": sum(row.weak for row in evaluation.slices.rows),
    }


def _gates(gates: tuple[Gate, ...]) -> list[tuple[Gate, str]]:
    """Return each gate with the reason, less the requirement that it opens with; those that fail first."""
    ranked = sorted(gates, key=lambda gate: ORDER[gate.outcome])
    return [(gate, gate.reason.removeprefix(f"{gate.requirement}: ")) for gate in ranked]


def _actions(attribution: Attribution | None) -> dict[str, Any]:
    rows = attribution.actions.rows[:10] if attribution else ()
    ends = [0.0, *(end for row in rows for end in (row.gain.lower, row.gain.upper) if not math.isnan(end))]
    scale = charts.ticks(100 * min(ends), 100 * max(ends))
    return {"rows": rows, "low": scale[0] / 100, "high": scale[-1] / 100}


def _figures(evaluation: Evaluation) -> list[tuple[str, Estimate]]:
    """Return the figures that open the page, at most six."""
    own = tuple(key for key in evaluation.metrics if key not in names.ALL_METRICS)
    keys = [key for key in summary.KEY_FIGURES + own if key in evaluation.metrics]
    found = [(TITLES.get(key, key), evaluation.metrics[key]) for key in keys]
    if evaluation.latency and "latency_ms_p95" in evaluation.latency.single:
        found.append(("latency p95, ms", evaluation.latency.single["latency_ms_p95"]))
    return found[:6]


def _matrix(confusion: Confusion, listed: dict[str, Any]) -> dict[str, Any]:
    """Return the matrix's rows of cells: place, count, shares, and whether examples are listed."""
    shares = [confusion.shares(of) for of in ("label", "prediction", "all")]
    whole = all(count == int(count) for row in confusion.counts for count in row)
    say = html.thousands if whole else number
    known = listed.get("cells", {})
    rows = [
        [
            {
                "place": f"{i},{j}", "count": say(count), "shares": [share[i][j] for share in shares],
                "listed": f"{i},{j}" in known, "right": i == j,
            }
            for j, count in enumerate(counts[:MAX_LABELS])
        ]
        for i, counts in enumerate(confusion.counts[:MAX_LABELS])
    ]  # fmt: skip
    at = {name: place for place, name in reversed(list(enumerate(confusion.predictions)))}
    frequent = largest_errors(confusion, 10)
    return {
        "labels": list(zip(confusion.labels, (say(sum(counts)) for counts in confusion.counts), strict=True))[
            :MAX_LABELS
        ],
        "predictions": confusion.predictions[:MAX_LABELS],
        "left": max(len(confusion.labels) - MAX_LABELS, 0),
        "rows": rows,
        "frequent": [(a, b, say(n), f"{at[a]},{at[b]}") for a, b, n in frequent],
        "many": len(confusion.labels) > 8,
    }


def _class_metrics(evaluation: Evaluation) -> list[str]:
    shown = ("recall", "precision", "f1", "roc_auc")
    return [metric for metric in shown if any(metric in row.metrics for row in evaluation.classes.rows)]


def _errors(attribution: Attribution | None) -> dict[str, Any] | None:
    """Return the causes and sources of the errors, the largest first; None where nothing was attributed."""
    if attribution is None or not attribution.n_errors:
        return None
    by_level = {
        level: [source for source in attribution.sources if source.level == level]
        for level in ("class_pair", "slice", "word")
    }
    above: list[Source] = sorted((s for s in by_level["slice"] if s.excess > 0), key=lambda source: -source.excess)
    words = [source for source in by_level["word"] if not math.isnan(source.q_value)]
    rows = attribution.words.rows if attribution.words else ()
    pairs = list(dict.fromkeys((row.label, row.prediction) for row in rows))[:MAX_PAIRS]
    return {
        "n": attribution.n,
        "n_errors": attribution.n_errors,
        "causes": sorted(attribution.causes.rows, key=lambda cause: -cause.share_of_errors),
        "pairs": by_level["class_pair"][:MAX_SOURCES],
        "slices": above[:MAX_SOURCES],
        "words": words[:MAX_SOURCES],
        "pushes": [(pair, [row for row in rows if (row.label, row.prediction) == pair]) for pair in pairs],
        "how": attribution.words,
    }


def _quality(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return what is known of the labels: sentences, and tables as (caption, heads, rows)."""
    quality = evaluation.label_quality
    if quality is None:
        return None
    said = labels.sentences(quality, evaluation.metrics["accuracy"], summary.launch(evaluation))
    tables = [table for table in _label_tables(quality) if table[2]]
    disputed = labels.disputed(quality, 20) if quality.adjudicate else ""
    return {"sentences": list(said.values()), "tables": tables, "disputed": disputed}


def _label_tables(quality: LabelQuality) -> list[tuple[str, tuple[str, str], list[tuple[str, str]]]]:
    def told(estimates: dict[str, Estimate]) -> list[tuple[str, str]]:
        return [(key, interval(found)) for key, found in estimates.items()][:MAX_SOURCES]

    by_class, by_slice = quality.of("class", "fleiss_kappa"), labels.counted(quality.of("slice", "fleiss_kappa"))
    pairs = labels.counted(quality.of("pair", "cohen_kappa"))
    own = labels.counted(quality.of("annotator", "accuracy"))
    return [
        ("All rows", ("measure", "value"), told(labels.overall(quality))),
        ("Consensus of the annotators", ("rows", "n"), labels.consensus(quality) if quality.annotators else []),
        ("Agreement of two annotators", ("annotators (n)", "Cohen’s κ"), told(pairs)),
        ("Agreement on each label", ("label", "Fleiss’ κ"), told(by_class)),
        ("Agreement by slice", ("slice (n)", "Fleiss’ κ"), told(by_slice)),
        ("Annotators", ("annotator (votes)", "right, estimated"), told(own)),
        ("Confused labels", (labels.confusion_title(quality), "n"), labels.confusions(quality)[:MAX_SOURCES]),
    ]
