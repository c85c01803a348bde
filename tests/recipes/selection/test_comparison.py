"""GSM8K's 175B pair through the whole way, from files of recorded answers to a decision with its interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from statsmodels.stats.contingency_tables import mcnemar

from mlflow_evalplus.asking.recorded import write_answers
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.tracking.selection.select import select
from tests.recipes.selection import gsm8k

pytestmark = pytest.mark.skipif(not gsm8k.FOLDER.exists(), reason="needs ../shared/data/gsm8k")
PAIR = ("175b_verification", "175b_finetuning")


def test_the_larger_pair_is_decided_with_its_interval(tmp_path: Path) -> None:
    for model in PAIR:
        write_answers(tmp_path / f"{model}.jsonl", gsm8k.answers(model))
    candidates = tmp_path / "candidates.yaml"
    listed = [{"name": model, "answers": f"{model}.jsonl"} for model in PAIR]
    candidates.write_text(yaml.safe_dump({"candidates": listed}), encoding="utf-8")
    questions = QuestionSet(tuple(gsm8k.questions()), "gsm8k")
    asked = {"selection": {"gates": [{"metric": "score", "min": 0.3}]}}
    found = select(questions, candidates, asked, why=False).selection
    pair = found.pairs[0]
    sign = 1 if pair.a == PAIR[0] else -1
    right = [np.array(gsm8k.published(model)) for model in PAIR]
    print(f"{pair.a} less {pair.b}: {pair.score}, p {pair.score.p_value:.1e}")
    assert sign * pair.score.value == pytest.approx(np.mean(right[0]) - np.mean(right[1]), abs=0.003)
    table = [[np.sum(right[0] & right[1]), np.sum(right[0] & ~right[1])],
             [np.sum(~right[0] & right[1]), np.sum(~right[0] & ~right[1])]]  # fmt: skip
    assert pair.score.p_value == pytest.approx(mcnemar(table, exact=False, correction=False).pvalue, rel=0.02)
    half = 1.96 * np.std(right[0].astype(float) - right[1].astype(float)) / np.sqrt(len(right[0]))
    assert (pair.score.upper - pair.score.lower) / 2 == pytest.approx(half, rel=0.05)
    assert (found.decision.outcome, found.decision.chosen) == ("choose", PAIR[0])
