"""The report of one run: everything that is known of it, as one HTML page."""

from __future__ import annotations

import math
import re
from collections.abc import Container
from functools import partial
from typing import Any

from mlflow_evalplus import names
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.render import (
    abstention,
    calibration,
    charts,
    cost_latency,
    data_checks,
    examples,
    html,
    labels,
    rule_effects,
    summary,
)
from mlflow_evalplus.render.classes import interval
from mlflow_evalplus.render.confusion import MAX_LABELS, columns, largest_errors
from mlflow_evalplus.results import Confusion, Estimate, Evaluation, Gate, Outcome, number
from mlflow_evalplus.results.attribution import Attribution, Source
from mlflow_evalplus.results.causes import CAUSES
from mlflow_evalplus.results.data_checks import DataChecks
from mlflow_evalplus.results.difference import points
from mlflow_evalplus.results.labels import LabelQuality
from mlflow_evalplus.results.rule_effects import VERDICTS, RuleEffects

MAX_BYTES = 490_000
SHARES = (1.0, 0.5, 0.25, 0.1, 0.03)  # of the rows and examples: the first with which the page is small enough
MOST = {
    "gates": 100, "classes": 60, "slices": 200, "findings": 50, "sources": 20, "notes": 50, "rules": 100, "data": 40,
}  # fmt: skip
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
    known, listing = _known(evaluation, run_name), examples.listing(evaluation)
    known["matrix"] = _matrix(evaluation.confusion, listing.counts if listing else {})
    for share in SHARES:
        listed = listing.within(int(share * examples.MAX_BYTES)) if listing else {}
        text = html.page(
            "report.html.j2", scripts=("enhance.js", "report.js"), listed=listed, **known, **_rows(evaluation, share)
        )
        if len(text.encode()) < MAX_BYTES:
            break
    return text


def _known(evaluation: Evaluation, run_name: str) -> dict[str, Any]:
    """Return what the page shows however little room there is."""
    return {
        "evaluation": evaluation,
        "run_name": run_name,
        "verdict": _verdict(evaluation),
        "actions": _actions(evaluation.attribution),
        "steps": summary.next_steps(evaluation),
        "figures": _figures(evaluation),
        "metrics": [(TITLES.get(key, key), estimate) for key, estimate in evaluation.metrics.items()],
        "weighted": not math.isclose(evaluation.confusion.n, evaluation.n),
        "class_metrics": _class_metrics(evaluation),
        "costs": cost_latency.rows(evaluation),
        "calibrated": _calibrated(evaluation),
        "busy": cost_latency.busy(evaluation.latency) if evaluation.latency and evaluation.latency.busy else "",
        "TITLES": TITLES,
        "CAUSES": CAUSES,
        "VERDICTS": VERDICTS,
        "MARKS": {outcome: text.split()[0] for outcome, text in summary.MARKS.items()},
        "names": names,
    }


def _rows(evaluation: Evaluation, share: float) -> dict[str, Any]:
    """Return this share of the rows that lists show at most."""
    few = {key: math.ceil(share * most) for key, most in MOST.items()}
    return {
        "gates": _gates(evaluation.verdict.gates)[: few["gates"]],
        "classes": evaluation.classes.rows[: few["classes"]],
        "slices": evaluation.slices.rows[: few["slices"]],
        "errors": _errors(evaluation.attribution, few["sources"]),
        "quality": _quality(evaluation, few["sources"]),
        "rules": _rules(evaluation.rule_effects, few["rules"]),
        "data": _data(evaluation.data_checks, few["data"]),
        "findings": evaluation.discovery.rows[: few["findings"]] if evaluation.discovery else (),
        "notes": data_checks.other_notes(evaluation)[: few["notes"]],
        "untrusted": data_checks.untrusted(evaluation),
    }


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
    """Return each gate with what its reason says beyond the other columns; those that fail first."""
    ranked = sorted(gates, key=lambda gate: ORDER[gate.outcome])
    return [(gate, _more(gate)) for gate in ranked]


def _more(gate: Gate) -> str:
    """Return on how many examples a gate rests and how many would decide it; the whole reason if nothing is known."""
    reason = gate.reason.removeprefix(f"{gate.requirement}: ")
    on = re.search(r" (on [\d,]+ (?:examples|requests|timed calls)) ", reason)
    if gate.estimate is None or on is None:
        return reason
    return "; ".join(part for part in (on[1], reason.partition("; ")[2]) if part)


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


def _matrix(confusion: Confusion, listed: Container[examples.Place]) -> dict[str, Any]:
    """Return the matrix's rows of cells: place, count, shares, and whether examples are listed."""
    shares = [confusion.shares(of) for of in ("label", "prediction", "all")]
    whole = all(count == int(count) for row in confusion.counts for count in row)
    say = html.thousands if whole else number
    places = columns(confusion)
    rows = [
        [
            {
                "place": f"{i},{j}", "count": say(counts[j]), "shares": [share[i][j] for share in shares],
                "listed": (i, j) in listed, "right": i == j,
            }
            for j in places
        ]
        for i, counts in enumerate(confusion.counts[:MAX_LABELS])
    ]  # fmt: skip
    at = {name: place for place, name in reversed(list(enumerate(confusion.predictions)))}
    frequent = largest_errors(confusion, examples.MAX_FREQUENT)
    sizes = [say(sum(counts)) for counts in confusion.counts]
    return {
        "labels": list(zip(confusion.labels, sizes, strict=True))[:MAX_LABELS],
        "predictions": [confusion.predictions[j] for j in places],
        "left": max(len(confusion.labels) - MAX_LABELS, 0),
        "rows": rows,
        "frequent": [(a, b, say(n), f"{at[a]},{at[b]}") for a, b, n in frequent],
        "many": len(confusion.labels) > 8,
    }


def _calibrated(evaluation: Evaluation) -> dict[str, Any] | None:
    """Return what the section on calibration shows; None where there are no probabilities."""
    bins, curve = evaluation.calibration, evaluation.abstention
    if bins is None or not bins.bins:
        return None
    return {
        "bins": [(calibration.name(b), b) for b in bins.bins],
        "sentence": calibration.sentence(evaluation),
        "curve": curve,
        "answer": abstention.sentence(curve) if curve else "",
        "area": calibration.area(evaluation),
        "points": [(abstention.answered(point), point) for point in abstention.shown(curve)] if curve else [],
        "known": abstention.known(curve) if curve else [],
        "low": abstention.lowest(curve) if curve else 0.0,
    }


def _class_metrics(evaluation: Evaluation) -> list[str]:
    shown = ("recall", "precision", "f1", "roc_auc")
    return [metric for metric in shown if any(metric in row.metrics for row in evaluation.classes.rows)]


def _errors(attribution: Attribution | None, limit: int) -> dict[str, Any] | None:
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
        "pairs": by_level["class_pair"][:limit],
        "slices": above[:limit],
        "words": words[:limit],
        "pushes": [(pair, [row for row in rows if (row.label, row.prediction) == pair][:limit]) for pair in pairs],
        "how": attribution.words,
    }


def _rules(effects: RuleEffects | None, limit: int) -> dict[str, Any] | None:
    """Return what keyword rules do: sentences, and the rules to show, what to drop first."""
    if effects is None:
        return None
    brief = partial(html.visible, limit=rule_effects.MAX_PATTERN)
    advice = [f"{verb} {rule_effects.named(rules, brief)}: {why}" for verb, rules, why in rule_effects.advice(effects)]
    return {
        "effects": effects, "headline": rule_effects.headline(effects), "advice": advice[: rule_effects.MAX_ADVICE],
        "rows": rule_effects.ranked(effects)[:limit], "change": points(effects.net), "points": points,
    }  # fmt: skip


def _data(checks: DataChecks | None, limit: int) -> dict[str, Any] | None:
    """Return what is wrong with the data: a headline and the findings, errors first."""
    if checks is None:
        return None
    return {"headline": data_checks.headline(checks), "rows": data_checks.ranked(checks)[:limit], "n": len(checks.rows)}


def _quality(evaluation: Evaluation, limit: int) -> dict[str, Any] | None:
    """Return what is known of the labels: sentences, and tables as (caption, heads, rows)."""
    quality = evaluation.label_quality
    if quality is None:
        return None
    said = labels.sentences(quality, evaluation.metrics["accuracy"], summary.launch(evaluation))
    tables = [(caption, heads, rows[:limit]) for caption, heads, rows in _label_tables(quality) if rows]
    disputed = labels.disputed(quality, limit) if quality.adjudicate else ""
    return {"sentences": list(said.values()), "tables": tables, "disputed": disputed}


def _label_tables(quality: LabelQuality) -> list[tuple[str, tuple[str, str], list[tuple[str, str]]]]:
    def told(estimates: dict[str, Estimate]) -> list[tuple[str, str]]:
        return [(key, interval(found)) for key, found in estimates.items()]

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
        ("Confused labels", (labels.confusion_title(quality), "n"), labels.confusions(quality)),
    ]
