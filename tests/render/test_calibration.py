"""What the page and the pictures of calibration and abstention say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.render import abstention, calibration, markdown, report, summary
from mlflow_evalplus.results import Abstention, AbstentionPoint, Calibration, CalibrationBin, Estimate, Evaluation
from tests.core.test_abstention import SCORES, rows
from tests.render.test_figures import assert_drawn


def point(threshold: float, coverage: float, accuracy: float, n: int = 400) -> AbstentionPoint:
    return AbstentionPoint(
        threshold,
        Estimate(coverage, coverage - 0.02, min(coverage + 0.02, 1), n),
        Estimate(accuracy, accuracy - 0.02, min(accuracy + 0.015, 1), round(coverage * n)),
    )


ALL, SURE, SUREST = point(0.0, 1.0, 0.84), point(0.87, 0.62, 0.951), point(0.995, 0.41, 0.98)
FOUND = Abstention((ALL, SURE, SUREST), 0.05, 0.01, 0.9, SURE)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return ep.evaluate(
        rows(seed=2, n=1000), scores=SCORES, requirements={"thresholds": [{"metric": "accuracy", "min": 0.9}]}
    )


def test_every_run_has_the_same_axis_of_accuracy() -> None:
    for found in (FOUND, Abstention((ALL,), 0.16, 0.01)):
        assert abstention.lowest(found) == 0.5
        assert abstention.figure(found).axes[0].get_ylim() == (0, 1)


def test_the_answer_is_a_sentence_that_a_product_manager_can_act_on() -> None:
    assert abstention.sentence(FOUND) == (
        "Answer only where the model is at least 87 % sure: it then answers 62.0 % [60.0, 64.0] of the examples, and "
        "is right on 95.1 % [93.1, 96.6] of them, shown to be at least 90 %; the other 38 % go to a person."
    )


def test_where_all_can_be_answered_no_threshold_is_told() -> None:
    said = abstention.sentence(replace(FOUND, launch=0.8, choice=ALL))
    assert said == "All examples can be answered: right on 84.0 % [82.0, 85.5] of them, shown to be at least 80 %."


@pytest.mark.parametrize(
    ("nearest", "needed", "words"),
    [
        (SURE, 2400, "About 2,400 labelled examples in all would show it if the figures stayed;"),
        (SURE, None, "More examples alone would hardly show it: surer answers are no better."),
        (replace(SURE, accuracy=replace(SURE.accuracy, small_support=True)), None, "Too few examples to say"),
        (SURE, 2400, "that holds on its own, but not for one of many thresholds, or rests on too few clusters"),
    ],
)
def test_without_a_threshold_the_page_says_what_would_show_one(
    nearest: AbstentionPoint | None, needed: int | None, words: str
) -> None:
    said = abstention.sentence(replace(FOUND, choice=None, nearest=nearest, n_needed=needed))
    assert said.startswith("No threshold of sureness is shown to reach 90 %.")
    assert words in said


@pytest.mark.parametrize(
    ("launch", "words"),
    [(0.995, ": a better model is needed."), (0.99, "too few were labelled to rule it out: label more")],
)
def test_a_better_model_is_needed_only_where_the_answers_are_shown_to_be_nowhere_as_accurate(
    launch: float, words: str
) -> None:
    nowhere = replace(FOUND, points=(ALL, SURE, point(0.99, 0.41, 0.975)), launch=launch, choice=None)
    assert words in abstention.sentence(nowhere)
    few = replace(ALL, accuracy=Estimate(0.8, 0.5, 0.95, 12, True))
    assert "too few were labelled" in abstention.sentence(Abstention((few,), 0.2, 0.1, 0.97))


def test_without_an_accuracy_asked_for_the_surest_half_is_told() -> None:
    said = abstention.sentence(replace(FOUND, launch=None, choice=None))
    assert said == (
        "Of all examples the model is right on 84.0 % [82.0, 85.5]; of the surest 41 % on 98.0 % [96.0, 99.5]."
    )
    assert "surest" not in abstention.sentence(Abstention((ALL,), 0.16, 0.01))


def test_the_page_holds_the_sentence_the_choice_and_the_bins(evaluation: Evaluation) -> None:
    page = calibration.page(evaluation)
    assert evaluation.abstention
    assert evaluation.calibration
    assert markdown.escape(abstention.sentence(evaluation.abstention), limit=600) in page
    assert page.count("◆") == 1
    assert page.count(" → ") == len(evaluation.calibration.bins) + 1
    assert len(abstention.rows(evaluation.abstention)) <= 11


@pytest.mark.parametrize(("launch", "told"), [(0.9, True), (0.5, False), (0.999, False)])
def test_a_run_that_does_not_pass_is_told_what_it_may_answer(launch: float, told: bool) -> None:
    asked = {"thresholds": [{"metric": "accuracy", "min": launch}]}
    steps = summary.next_steps(ep.evaluate(rows(seed=2, n=1000), scores=SCORES, requirements=asked))
    assert any(step.startswith("not ready to answer everything, but accurate enough for") for step in steps) is told


def test_a_run_that_passes_is_told_nothing_of_abstention(evaluation: Evaluation) -> None:
    passed = replace(evaluation, verdict=replace(evaluation.verdict, outcome=ep.evaluate(
        rows(seed=2, n=1000), requirements={"thresholds": [{"metric": "accuracy", "min": 0.1}]}
    ).verdict.outcome))  # fmt: skip
    assert not any("answer everything" in step for step in summary.next_steps(passed))


def test_the_report_holds_the_curve_and_its_answer(evaluation: Evaluation) -> None:
    page = report.page(evaluation)
    assert evaluation.abstention
    assert abstention.sentence(evaluation.abstention) in page
    assert page.count('class="band"') == page.count('class="curve"') == 1
    assert ">chosen</span>" in page
    assert "nan" not in page[page.index('id="calibration"') : page.index("</section>", page.index('id="calibration"'))]


def test_old_evaluations_without_a_curve_still_have_a_page(evaluation: Evaluation) -> None:
    old = replace(evaluation, abstention=None)
    assert "mean sureness" in calibration.page(old)
    assert 'class="curve"' not in report.page(old)


def calibrated(*gaps: float, n: int = 1000, p_value: float = 0.001) -> Calibration:
    """Bins of accuracy 0.8 whose confidence is more than that."""
    bins = (CalibrationBin(i / 10, i / 10, n, 0.8 + gap, Estimate(0.8, 0.78, 0.82, n)) for i, gap in enumerate(gaps))
    return Calibration(tuple(bins), p_value)


def said_of(
    evaluation: Evaluation, bins: Calibration, value: float = 0.08, upper: float = 0.1, few: bool = False
) -> str:
    error = Estimate(value, value / 2, upper, 1000, few)
    return calibration.sentence(replace(evaluation, calibration=bins, metrics=evaluation.metrics | {"ece": error}))


TEMPERATURE = "A temperature fitted on other rows usually mends most of that."


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ((0.08,), f"the model is too sure, by 8.0 points in all. {TEMPERATURE}"),
        ((-0.08, -0.04, 0.005), f"the model is not sure enough, by 3.8 points in all. {TEMPERATURE}"),
        ((0.1, -0.1), "too sure in some bins, not sure enough in others, so a temperature will not mend it."),
        ((0.1, -0.01), f"too sure, by 4.5 points in all. {TEMPERATURE}"),
        ((0.03, -0.015), "more than noise, but in which direction is not clear."),
    ],
)
def test_what_is_more_than_noise_is_told_with_what_would_mend_it(
    evaluation: Evaluation, gaps: tuple[float, ...], words: str
) -> None:
    assert said_of(evaluation, calibrated(*gaps)).endswith(words)


@pytest.mark.parametrize(
    ("p_value", "value", "upper", "few", "words"),
    [
        (0.06, 0.04, 0.07, False, "no more than noise, so it can be taken at its word, to within 0.070."),
        (0.06, 0.04, 0.12, False, "it is not known whether that is more than noise; it may be up to 0.120."),
        (0.06, 0.04, 0.07, True, "it is not known whether"),
        (np.nan, 0.04, 0.07, False, "it is not known whether"),
        (0.001, 0.004, 0.01, False, "it can be taken at its word."),
    ],
)
def test_what_may_be_noise_is_told_as_that(
    evaluation: Evaluation, p_value: float, value: float, upper: float, few: bool, words: str
) -> None:
    said = said_of(evaluation, calibrated(0.04, p_value=p_value), value, upper, few)
    assert words in said
    assert "temperature" not in said
    assert f"a perfectly calibrated model would show about {np.sqrt(2 * 0.84 * 0.16 / np.pi / 1000):.3f}" in said


def test_rows_where_right_has_two_meanings_are_told(evaluation: Evaluation) -> None:
    words = "of the most probable label: in 12 of 1,000 rows it is right and the answer given is not"
    assert words in said_of(evaluation, replace(calibrated(0.08), n_apart=12))
    assert words not in said_of(evaluation, calibrated(0.08))
    assert "most probable label right" in calibration.page(evaluation)


def test_the_noise_is_the_mean_error_of_calibrated_models() -> None:
    rng = np.random.default_rng(0)
    found, told = [], []
    for _ in range(200):
        sure = rng.uniform(0.5, 1, 300)
        hit = rng.random(300) < sure
        place = np.minimum((sure * 10).astype(int), 9)
        n, gaps = np.bincount(place, minlength=10), np.bincount(place, hit - sure, 10)
        found.append(np.abs(gaps).sum() / 300)
        bins = [(i, sure[place == i].mean()) for i in np.flatnonzero(n)]
        one = Estimate(0.5, 0, 1, 1)
        told.append(Calibration(tuple(CalibrationBin(i / 10, 1, int(n[i]), float(c), one) for i, c in bins)).noise)
    assert np.mean(told) == pytest.approx(np.mean(found), rel=0.06)


@pytest.mark.parametrize("found", [FOUND, replace(FOUND, choice=None), Abstention((ALL,), 0.2, 0.1, None)])
def test_pictures_are_drawn_whatever_is_known(found: Abstention, evaluation: Evaluation, tmp_path: Path) -> None:
    assert evaluation.calibration
    assert_drawn(calibration.whole_figure(evaluation.calibration, found), tmp_path / "whole.png")
    assert_drawn(found.figure(), tmp_path / "curve.png")


def test_the_reliability_diagram_alone_is_a_picture_too(evaluation: Evaluation, tmp_path: Path) -> None:
    assert evaluation.calibration
    assert_drawn(evaluation.calibration.figure(), tmp_path / "bins.png")
