"""Rules on top of scores, held against a loop over rows and rules with its own arithmetic."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.applied_rules import apply_rules, base_of
from mlflow_evalplus.core.attribution.keyword_rules import load_rules
from mlflow_evalplus.core.predictions import read
from tests.generated import inputs

LABELS = ["bad", "fine", "good"]
WORDS = ["refund", "late", "thanks", "退款"]
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "pattern": st.sampled_from([*WORDS, "refund|late", "^late", "."]),
            "label": st.sampled_from([*LABELS, "unknown"]),
            "weight": st.none() | st.sampled_from([0.5, 1.0, 2.5, -1.0, 60.0]),
        }
    ),
    max_size=5,
)
TEXTS = st.lists(st.none() | st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join), min_size=1, max_size=8)


def one_by_one(scores: list[float], text: str | None, rules: list[dict[str, Any]]) -> list[float]:
    """Return one row's scores as the definition says."""
    logs = [math.log(max(score, 1e-12)) for score in scores]
    for rule in rules:
        if rule["label"] in LABELS and re.search(rule["pattern"], text or "", re.IGNORECASE):
            if rule["weight"] is None:
                continue
            logs[LABELS.index(rule["label"])] += rule["weight"]
    for rule in rules:
        if rule["weight"] is None and rule["label"] in LABELS and re.search(rule["pattern"], text or "", re.I):
            return [float(label == rule["label"]) for label in LABELS]
    total = sum(math.exp(log - max(logs)) for log in logs)
    return [math.exp(log - max(logs)) / total for log in logs]


@settings(deadline=None, max_examples=inputs(100))
@given(TEXTS, RULES, st.integers(0, 2**32 - 1))
def test_scores_with_rules_are_those_of_the_definition(
    texts: list[str | None], rules: list[dict[str, Any]], seed: int
) -> None:
    scores = np.random.default_rng(seed).dirichlet([0.3] * 3, len(texts))
    found = apply_rules(scores, LABELS, texts, load_rules(rules))
    expected = [one_by_one(row, text, rules) for row, text in zip(scores.tolist(), texts, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_rule_can_raise_a_label_that_the_model_holds_for_impossible() -> None:
    rules = load_rules([{"pattern": "x", "label": "good", "weight": 30}])
    found = apply_rules(np.array([[1.0, 0.0, 0.0]]), LABELS, ["x"], rules)
    assert found[0, 2] == pytest.approx(math.exp(30) * 1e-12 / (1 + 1e-12 + math.exp(30) * 1e-12))


def test_what_rules_stand_on_is_the_scores_before_them_then_scores_then_predictions() -> None:
    frame = pd.DataFrame(
        {
            "label": ["a", "b"],
            "prediction": ["a", "a"],
            "a": [0.7, 0.6],
            "b": [0.3, 0.4],
            "c": [0.2, 0.9],
            "d": [0.8, 0.1],
        }
    )
    scores, before = {"a": "a", "b": "b"}, {"b": "c", "new": "d"}
    base = base_of(read(frame, scores=scores, base_scores=before))
    assert (base.kind, base.labels, base.scores.tolist()) == ("base", ("b", "new"), [[0.2, 0.8], [0.9, 0.1]])
    assert base_of(read(frame, scores=scores)).kind == "score"
    assert base_of(read(frame.assign(prediction=["a", "?"]), labels=["a", "b"], scores=scores)).kind == "prediction"
    assert base_of(read(frame.assign(prediction="b"), scores={"a": "a"})).kind == "prediction"
    base = base_of(read(frame.assign(prediction=["b", None]), labels=["a", "b"]))
    assert (base.labels, base.scores.tolist()) == (("a", "b", "(other)"), [[0, 1, 0], [0, 0, 1]])
