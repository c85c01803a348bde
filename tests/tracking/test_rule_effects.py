"""A model with rules on top, evaluated, logged and loaded; other rules tried on it without asking it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.data.evaluation_dataset import EvaluationDataset
from mlflow.models.evaluation.base import _get_model_from_function

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.applied_rules import apply_rules
from mlflow_evalplus.core.attribution.keyword_rules import load_rules
from mlflow_evalplus.core.rule_effects import with_rule_effects
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results import Evaluation
from mlflow_evalplus.tracking import record
from mlflow_evalplus.tracking.evaluator import evaluation_of
from tests.core.test_applied_rules import LABELS
from tests.core.test_rule_effects import SCORES, planted, scored
from tests.tracking.test_writer_reader import contents, logged

APPLIED = [{"pattern": "refund", "label": "bad", "weight": 3.0}, {"pattern": "late", "label": "good"}]
QUICK = {"latency_requests": 0, "text": "text"}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return scored(np.random.default_rng(5), 200)


def model_with_rules(data: pd.DataFrame, rules: Any = APPLIED) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a model that answers as `data` say, with rules on top; it knows a label that nobody declares."""

    def predict(inputs: pd.DataFrame) -> pd.DataFrame:
        base = data[list(SCORES.values())].to_numpy()
        scores = apply_rules(base, LABELS, inputs["text"], load_rules(rules))
        columns = {f"{kind}.{label}": values[:, place] for kind, values in (("score", scores), ("base", base))
                   for place, label in enumerate(LABELS)}  # fmt: skip
        return pd.DataFrame({"prediction": np.array(LABELS)[scores.argmax(axis=1)], **columns})

    return predict


def evaluated(data: pd.DataFrame, **config: Any) -> Evaluation:
    dataset = EvaluationDataset(data[["text", "label"]], targets="label")
    return evaluation_of(_get_model_from_function(model_with_rules(data)), dataset, {**QUICK, **config})


def test_a_model_with_rules_is_logged_with_what_each_does_and_others_are_tried_on_it(
    store: str, data: pd.DataFrame
) -> None:
    evaluation = evaluated(data, applied_rules=APPLIED)
    expected = ep.rule_effects(data, APPLIED, base_scores=SCORES)
    found = evaluation.rule_effects
    assert found is not None
    assert found.notes == evaluation.notes == ()
    assert found.accuracy == evaluation.metrics["accuracy"] == expected.accuracy
    assert [rule.moves for rule in found.rules] == [rule.moves for rule in expected.rules]
    run = logged(evaluation)
    assert run.data.metrics["rules/fixed"] == found.moves.fixed
    assert run.data.metrics["rules/net_lower"] == pytest.approx(found.net.lower)
    page = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{names.RULES_PAGE}")
    assert "### Keyword rules on top" in page
    assert mlflow.load_table(names.RULES_TABLE, run_ids=[run.info.run_id])["rule"].tolist() == [
        "refund → bad", "late → good",
    ]  # fmt: skip
    back = ep.load(run.info.run_id)
    assert contents(back) == contents(evaluation)
    new = {"thanks": "good"}
    tried, fresh = ep.rule_effects(back, new), ep.rule_effects(data, new, base_scores=SCORES)
    assert (tried.base, tried.moves, tried.base_accuracy) == ("base", fresh.moves, expected.base_accuracy)


def test_rules_that_are_not_those_of_the_model_are_told(data: pd.DataFrame) -> None:
    found = evaluated(data, applied_rules=APPLIED[:1]).rule_effects
    assert found is not None
    own = model_with_rules(data)(data)["prediction"]
    other = model_with_rules(data, APPLIED[:1])(data)["prediction"]
    assert found.notes[0].startswith(f"In {(own != other).sum()} of 200 rows the model answers otherwise than these")


def test_scores_before_the_rules_are_kept_of_labels_that_nobody_declared(data: pd.DataFrame) -> None:
    """What the model would answer without rules depends on all labels that it knows."""
    rows = data[data["label"] != "good"].reset_index(drop=True)
    evaluation = evaluated(rows, requirements={"task": {"labels": ["bad", "fine"]}}, applied_rules=APPLIED)
    columns = evaluation.predictions.table.column_names
    assert [c for c in columns if c.startswith(("base.", "score."))] == [
        "score.bad", "score.fine", "base.bad", "base.fine", "base.good",
    ]  # fmt: skip
    assert evaluation.rule_effects is not None
    assert evaluation.rule_effects.notes == ()


def test_columns_before_the_rules_come_with_predictions_too_but_not_from_a_models_data(data: pd.DataFrame) -> None:
    answers = model_with_rules(data)(data)
    rows = pd.concat([data[["text", "label"]], answers], axis=1)
    static = evaluation_of(
        None, EvaluationDataset(rows, targets="label", predictions="prediction"), {**QUICK, "applied_rules": APPLIED}
    )
    assert static.rule_effects is not None
    assert static.rule_effects.notes == ()
    silent = _get_model_from_function(lambda inputs: ["bad"] * len(inputs))
    asked = evaluation_of(silent, EvaluationDataset(rows, targets="label"), {**QUICK, "applied_rules": APPLIED})
    assert asked.rule_effects is None
    assert "returns no columns 'base.<label>'" in asked.notes[-1]


@pytest.mark.parametrize("own", [[1000.0, 2000.0], ["bert", "gpt"]])
def test_a_column_of_somebodys_own_that_begins_with_base_is_left_alone(data: pd.DataFrame, own: list[object]) -> None:
    rows = data[["text", "label"]].assign(prediction="bad", **{"base.salary": own * 100, "base.bad": own * 100})
    static = EvaluationDataset(rows, targets="label", predictions="prediction")
    columns = evaluation_of(None, static, QUICK).predictions.table.column_names  # one label has no scores before rules
    assert not [column for column in columns if column.startswith("base.")]
    ruled = model_with_rules(data)
    model = _get_model_from_function(lambda inputs: ruled(inputs).assign(**{"base.salary": own * 100}))
    asked = evaluation_of(model, EvaluationDataset(data[["text", "label"]], targets="label"), QUICK)
    assert [column for column in asked.predictions.table.column_names if column.startswith("base.")] == [
        "base.bad", "base.fine", "base.good",
    ]  # fmt: skip


def test_a_wrong_rule_is_told_before_the_model_is_asked(data: pd.DataFrame) -> None:
    def never(inputs: pd.DataFrame) -> list[str]:
        raise AssertionError("asked")

    dataset = EvaluationDataset(data[["text", "label"]], targets="label")
    with pytest.raises(DataError, match=r"rule 1 .* needs 'label'"):
        evaluation_of(_get_model_from_function(never), dataset, {**QUICK, "applied_rules": [{"pattern": "x"}]})


def test_a_run_that_was_logged_before_there_were_rules_still_loads() -> None:
    evaluation = with_rule_effects(ep.evaluate(planted(), text="text"), None)
    content = json.loads(record.dump(evaluation))
    assert content.pop("rule_effects") is None
    assert contents(record.parse(json.dumps(content), "a test")) == contents(evaluation)
