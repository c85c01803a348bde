"""Every page of the package, made of results in which the words of the data are whatever a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timezone
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from mlflow.entities import Run, RunData, RunInfo, RunTag

import mlflow_evalplus as ep
from mlflow_evalplus import names, requirements
from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.attribution.attribute import attribute
from mlflow_evalplus.render import (
    adjudication,
    comparison,
    comparison_report,
    data_checks,
    difference,
    evidence,
    gate_summary,
    junit,
    learning_curve,
    load_test,
    monitoring,
    monitoring_report,
    promotions,
    queue,
    report,
    rule_effects,
    selection,
    selection_candidate,
    selection_report,
    summary,
)
from mlflow_evalplus.render import requirements as asked_pages
from mlflow_evalplus.results import Estimate, Evaluation
from mlflow_evalplus.results.evidence import Evidence, EvidenceRow
from mlflow_evalplus.results.learning_curve import LearningCurve, LearningPoint
from mlflow_evalplus.results.rule_effects import RuleEffects
from mlflow_evalplus.tracking.items import Page, describe
from mlflow_evalplus.tracking.registry import version_page
from mlflow_evalplus.tracking.registry.events import CHAMPION, PROMOTE, Event, History
from tests.core.adjudicating.queues import filled
from tests.core.adjudicating.queues import queue_of as handed_out
from tests.core.collecting.queues import queue_of
from tests.core.test_rule_effects import planted
from tests.render import monitored, selections
from tests.render.test_comparison_report import beside
from tests.render.test_difference import part, split
from tests.render.test_load_test import FINE
from tests.render.test_rule_effects import RULES
from tests.render.test_rule_effects import hostile as spoilt_rules

WORD = "harmless"  # stands for every word of the data
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def spoilt(value: Any, words: dict[str, str]) -> Any:
    """Return a result in which, wherever they stand, words are replaced."""
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: spoilt(getattr(value, f.name), words) for f in fields(value) if f.init}
        return replace(value, **changed)
    if type(value) is str:
        for word, other in words.items():
            value = value.replace(word, other)
        return value
    if isinstance(value, dict):
        return {spoilt(key, words): spoilt(item, words) for key, item in value.items()}
    return tuple(spoilt(item, words) for item in value) if type(value) is tuple else value


def evaluated(text: str, *, wrong: float = 0.3) -> Evaluation:
    """Return an attributed evaluation of rows in which labels, texts, slices, votes and columns hold `text`."""
    rng, n = np.random.default_rng(0), 240
    label = np.resize(np.array([f"1{text}", f"2{text}", "other"], dtype=object), n)
    spoilt_rows = rng.random(n) < wrong
    frame = pd.DataFrame(
        {"label": label, "prediction": np.where(spoilt_rows, rng.permutation(label), label), "text": f"3{text}",
         f"4{text}": np.where(spoilt_rows, f"5{text}", f"6{text}"), f"7{text}": label, "annotator": label}
    )  # fmt: skip
    wanted = {
        "task": {"name": f"8{text}", "labels": list(dict.fromkeys(label))}, "slices": [f"4{text}"],
        "thresholds": [{"metric": "accuracy", "every": f"4{text}", "min": 0.9},
                       {"metric": "recall", "class": f"1{text}", "min": 0.9}],
        "error_costs": {f"1{text}": {f"2{text}": 5}},
        "prices": {"currency": f"9{text}"[:20], "label": 0.1},
    }  # fmt: skip
    found = attribute(ep.evaluate(frame, text="text", annotators=[f"7{text}", "annotator"], requirements=wanted))
    return replace(found, notes=(*found.notes, text))


def _of_evaluations(text: str) -> dict[str, Callable[[], str]]:
    found, other = evaluated(text), evaluated(text, wrong=0.5)
    side = beside({f"one {text}": found, f"two {text}": other}, notes=(text,))
    side = replace(side, reason=f"{text} is best")
    described = {item.path: item.text for item in describe(found, text)[1] if isinstance(item, Page)}
    return {
        **{path: lambda page=page: page for path, page in described.items() if path.endswith(".md")},  # type: ignore[misc]
        "the run's description": lambda: summary.description(found),
        "version.md": lambda: version_page.description(_run(text), found, _event(text)),
        "gate.md": lambda: gate_summary.page(found, text, text),
        "comparison.md": lambda: comparison.page(side),
        "junit.xml": lambda: junit.junit(found, text, text),
        "report.html": lambda: report.page(found, text),
        "comparison.html": lambda: comparison_report.page(side),
        "requirements.md": lambda: asked_pages.page(found.requirements or requirements.load({})),
    }


def _run(text: str) -> Run:
    info = RunInfo("0" * 32, "1", "user", "FINISHED", 0, 0, "active", "/artifacts", run_name=text)
    return Run(info, RunData(tags=[RunTag(names.TAG_BASELINE, text), RunTag(names.TAG_REQUIREMENTS_DIGEST, text)]))


def _event(text: str) -> Event:
    return Event(PROMOTE, CHAMPION, "2", NOON, by=text, why=text, baseline=text, requirements=text, done=NOON)


def _of_selection(text: str) -> dict[str, Callable[[], str]]:
    words = {name: f"{name} {text}" for name in (*selections.NAMES, *selections.DIMENSIONS)}
    words |= {"judge-a": text, "order": text, "days": text}
    found, asked = spoilt(selections.selection(60), words), spoilt(selections.questions(60).questions, words)
    questions = replace(selections.questions(60), questions=asked)
    name = found.candidates[0].name
    return {
        "selection.md": lambda: selection.page(found),
        "a selection's description": lambda: selection.description(found),
        "candidate.md": lambda: selection_candidate.summary(found, name),
        "selection.html": lambda: selection_report.page(found, questions, text),
    }


@cache
def _queue_came_back() -> Any:
    return adjudicate(given := handed_out(["a", WORD], labels=[WORD, "b"]),
                      filled(given, annotator_1=[WORD, "b"], annotator_2=["b", WORD]), labels=[WORD, "b"])  # fmt: skip


@cache
def _rules() -> RuleEffects:
    return ep.rule_effects(planted(), RULES, slices=["channel"])


def _of_the_others(text: str) -> dict[str, Callable[[], str]]:
    of = Estimate(0.1, 0.05, 0.15, 70)
    rows = History((_event(text),), {}).frame().to_dict("records")
    point = LearningPoint(500, 1, Estimate(0.8, 0.77, 0.83, 600))
    shown = Evidence("ab", {text: text}, (), (text,), text, (EvidenceRow("slice", text, "difference", of, 0.5, 0.5),))
    frame = pd.DataFrame({"text": [f"{text} {n}" for n in range(80)], "label": [text, "b"] * 40, f"c{text}": text})
    return {
        "monitor.md": lambda: monitoring.page(monitored.spoilt(text)),
        "monitor.html": lambda: monitoring_report.page(monitored.spoilt(text), text),
        "a log's description": lambda: monitoring.description(monitored.spoilt(text)),
        "queue.md": lambda: queue.page(queue_of([text], notes=(text,)), [text]),
        "adjudication.md": lambda: adjudication.page(spoilt(_queue_came_back(), {WORD: text})),
        "history.md": lambda: promotions.page(rows),
        "load.md": lambda: load_test.page(replace(FINE, candidate=text, about={text: text}, errors={text: 1})),
        "learning.md": lambda: learning_curve.page(LearningCurve((point,), None, (), (), 600, notes=(text,))),
        "evidence.md": lambda: evidence.page([shown]),
        "difference.md": lambda: difference.page_part(split(part("slice", text, examples=(text,)), a=text, b=text)),
        "data.md": lambda: data_checks.page(ep.check_data(frame[:40], frame[30:], slices=[f"c{text}"])),
        "rules.md": lambda: rule_effects.page(spoilt_rules(_rules(), text)),
    }


def pages(text: str) -> dict[str, str]:
    """Return every page by its name; its ending says what it is, without one it is Markdown."""
    made = {**_of_evaluations(text), **_of_selection(text), **_of_the_others(text)}
    return {name: make() for name, make in made.items()}
