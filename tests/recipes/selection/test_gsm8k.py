"""GSM8K's published solutions, scored from recorded answers: the published accuracies, solution by solution."""

from __future__ import annotations

import pytest

from mlflow_evalplus.core.scorers.scoring import score_answer
from tests.recipes.selection import gsm8k

pytestmark = pytest.mark.skipif(not gsm8k.FOLDER.exists(), reason="needs ../shared/data/gsm8k")
PUBLISHED = {"6b_finetuning": 21.7, "6b_verification": 39.0, "175b_finetuning": 34.7, "175b_verification": 56.3}


@pytest.mark.parametrize("model", gsm8k.MODELS)
def test_published_solutions_are_scored_as_published(model: str) -> None:
    questions, answers = gsm8k.questions(), gsm8k.answers(model)
    scores = [score_answer(question, answer) for question, answer in zip(questions, answers, strict=True)]
    assert 100 * sum(score.value for score in scores) / len(scores) == pytest.approx(PUBLISHED[model], abs=0.3)
    disagreements = [
        question.id
        for question, score, correct in zip(questions, scores, gsm8k.published(model), strict=True)
        if score.passed != correct
    ]
    assert disagreements == []
