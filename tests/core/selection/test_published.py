"""GSM8K's published solutions of four models: which are told apart, and by how much, against a textbook's formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.scorers.scoring import score_answer
from mlflow_evalplus.core.selection.items import item_of
from mlflow_evalplus.results.selection import Selection
from tests.core.selection.worlds import select
from tests.recipes.selection import gsm8k

pytestmark = pytest.mark.skipif(not gsm8k.FOLDER.exists(), reason="needs ../shared/data/gsm8k")


@pytest.fixture(scope="module")
def selection() -> Selection:
    asked = gsm8k.questions()
    candidates = {
        model: tuple(
            item_of(question, [answer], [score_answer(question, answer)], None)
            for question, answer in zip(asked, gsm8k.answers(model), strict=True)
        )
        for model in gsm8k.MODELS
    }
    return select(QuestionSet(tuple(asked), "gsm8k"), candidates)


def test_the_best_is_chosen(selection: Selection) -> None:
    assert selection.candidates[0].name == "175b_verification"
    assert (selection.decision.outcome, selection.decision.chosen) == ("choose", "175b_verification")


def test_verification_of_the_175b_model_is_better_by_what_the_paired_answers_say(selection: Selection) -> None:
    pair = selection.pair("175b_verification", "175b_finetuning")
    assert pair is not None
    a, b = (np.array(gsm8k.published(model), dtype=float) for model in ("175b_verification", "175b_finetuning"))
    change, reach = a - b, stats.norm.ppf(0.975) * stats.sem(a - b)
    assert (pair.score.n, pair.score.value) == (1319, pytest.approx(change.mean()))
    assert (pair.score.lower, pair.score.upper) == pytest.approx(
        (change.mean() - reach, change.mean() + reach), abs=3e-4
    )
    assert pair.score.lower > 0.15
    assert pair.p_holm < 1e-20
    table = [[((a == x) & (b == y)).sum() for y in (1, 0)] for x in (1, 0)]
    assert mcnemar(table, exact=False, correction=False).pvalue < 1e-20
    print(f"\n175b_verification less 175b_finetuning: {pair.score}")


def test_the_closest_two_are_told_apart_as_mcnemar_says(selection: Selection) -> None:
    pair = selection.pair("6b_verification", "175b_finetuning")
    assert pair is not None
    a, b = (np.array(gsm8k.published(model)) for model in (pair.a, pair.b))
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert pair.score.p_value == pytest.approx(mcnemar(table, exact=False, correction=False).pvalue, rel=0.03)
