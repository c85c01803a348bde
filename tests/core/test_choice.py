from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.choice import PRIORITIES, choose
from mlflow_evalplus.core.comparison import compare_evaluations
from mlflow_evalplus.core.custom import CustomMetric
from mlflow_evalplus.core.evaluation import evaluate, evaluate_predictions
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.errors import ComparisonError, RequirementsError
from mlflow_evalplus.requirements import Requirements, load
from mlflow_evalplus.results import Estimate, Evaluation, Latency, Outcome
from mlflow_evalplus.results.evidence import Evidence

N = 1000
COSTS = {"error_costs": {"a": {"b": 10.0}, "b": {"a": 1.0}}}


def rows() -> pd.DataFrame:
    """Three models: `plain` errs on 12 of 100 rows; `uneven` on 10, nearly all of them in one channel; `bad` on 40."""
    rng = np.random.default_rng(5)
    label = rng.choice(["a", "b"], N)
    wrong = np.where(label == "a", "b", "a")
    channel = np.where(np.arange(N) % 5 == 0, "fax", "app")
    luck = rng.random(N)
    return pd.DataFrame({
        "label": label, "channel": channel,
        "plain": np.where(luck < 0.12, wrong, label),
        "uneven": np.where(luck < np.where(channel == "fax", 0.45, 0.01), wrong, label),
        "bad": np.where(rng.random(N) < 0.4, wrong, label),
    })  # fmt: skip


def timed(per_second: float, machine: str = "one") -> Latency:
    rate = Estimate(per_second, 0.95 * per_second, 1.05 * per_second, 20)
    return Latency({"latency_ms_p95": Estimate(9.0, 8.0, 10.0, 200)}, 100, 1.0, machine, throughput={8: rate})


def evaluations(
    wanted: dict[str, Any] | None = None, latencies: dict[str, Latency] | None = None
) -> dict[str, Evaluation]:
    asked = load({"slices": ["channel"], **(wanted or {})})
    return {
        name: evaluate_predictions(
            read(rows(), prediction=name, slices=["channel"]), asked, latency=(latencies or {}).get(name)
        )
        for name in ("plain", "uneven", "bad")
    }


def test_without_weights_the_priority_chooses() -> None:
    found = {name: choose(evaluations({"priority": name, **COSTS})).winner for name in PRIORITIES}
    assert found["accuracy"] == found["fluency"] == "uneven"
    assert found["stability"] == "plain"


def test_the_score_is_the_weighted_mean_of_scaled_metrics() -> None:
    wanted = {"weights": {"accuracy": 2, "worst_slice_accuracy": 1, "error_cost": 1, "cohen_kappa": 4}, **COSTS}
    given = evaluations(wanted)
    found = choose(given)
    assert found.priority == "weights"
    assert found.weights == {"accuracy": 0.25, "worst_slice_accuracy": 0.125, "error_cost": 0.125, "cohen_kappa": 0.5}
    dearest = max(e.metrics["error_cost"].value for e in given.values())
    scores = {}
    for name, e in given.items():
        worst = min(row.metrics["accuracy"].value for row in e.slices.of("channel"))
        cost, kappa = e.metrics["error_cost"].value, e.metrics["cohen_kappa"].value
        scores[name] = (
            0.25 * e.metrics["accuracy"].value + 0.125 * worst + 0.125 * (1 - cost / dearest) + 0.5 * (kappa + 1) / 2
        )
    assert {c.name: c.score for c in found.candidates} == pytest.approx(scores)
    assert [c.name for c in found.candidates] == sorted(scores, key=lambda name: -scores[name])
    assert list(found.frame().columns) == ["name", "cleared", "score", "tied", *wanted["weights"]]


def test_a_rival_is_tied_where_the_paired_interval_of_the_score_holds_nothing() -> None:
    given = evaluations()
    found = choose(given)
    difference = compare_evaluations(given["uneven"], given["plain"]).metrics["accuracy"]
    assert difference.lower < 0 < difference.upper
    assert found.ties == ("plain",)
    assert "It cannot be told apart from plain with 1,000 examples." in found.reason
    assert "bad" not in found.ties
    wide = choose({name: replace(e, confidence=0.999) for name, e in given.items()})
    assert "plain" in wide.ties


def test_a_score_of_one_metric_has_the_interval_of_that_metric() -> None:
    """Two rivals, so each is told apart at 97.5 %: at that level the bound of macro F1 decides, not of accuracy."""
    given = evaluations({"priority": "fluency"})
    for share in np.linspace(0, 1, 21):
        mixed = np.where(np.random.default_rng(1).random(N) < share, rows()["plain"], rows()["uneven"])
        rival = evaluate_predictions(
            read(rows().assign(mixed=mixed), prediction="mixed", slices=["channel"]), load({"confidence": 0.975})
        )
        best = replace(given["uneven"], confidence=0.975)
        expected = compare_evaluations(best, rival).metrics["f1_macro"]
        found = choose({"uneven": given["uneven"], "mixed": rival, "bad": given["bad"]}, given["uneven"].requirements)
        if found.winner == "uneven":
            assert ("mixed" in found.ties) == (expected.lower <= 0 <= expected.upper)


def test_of_those_that_cannot_be_told_apart_the_cheaper_is_named() -> None:
    prices = {"prices": {"machine_per_hour": 3600, "currency": "CNY"}}
    found = choose(evaluations(prices, {"plain": timed(500), "uneven": timed(100), "bad": timed(900)}))
    assert (found.winner, found.ties, found.cheaper) == ("uneven", ("plain",), "plain")
    assert "The cheaper one to run is plain: 2 against 10 CNY for 1,000 predictions." in found.reason
    itself = choose(evaluations(prices, {"plain": timed(100), "uneven": timed(500)}))
    assert "It is the cheaper one to run: 2 against 10 CNY for 1,000 predictions." in itself.reason
    alike = {"plain": timed(101), "uneven": timed(100)}
    elsewhere = {"plain": timed(500), "uneven": timed(100, "another")}
    for latencies in (alike, elsewhere, {"plain": timed(500)}):
        assert choose(evaluations(prices, latencies)).cheaper == ""


def test_money_is_split_into_what_is_paired_and_what_was_timed() -> None:
    """Errors of the same rows cancel: a model that is beyond doubt better in them is so in money too."""
    wanted = {"priority": "cost", "prices": {"machine_per_hour": 3600}, **COSTS}
    given = evaluations(wanted, dict.fromkeys(("plain", "uneven", "bad"), timed(1e6)))
    better = rows().assign(better=np.where(np.arange(N) % 10 == 0, rows()["label"], rows()["plain"]))
    rival = evaluate_predictions(
        read(better, prediction="better", slices=["channel"]), load(wanted), latency=timed(1e6)
    )
    pool = {"better": rival, "plain": given["plain"]}
    found = choose(pool)
    assert (found.winner, found.weights, found.ties) == ("better", {"total_cost_per_1000": 1.0}, ())
    paired = compare_evaluations(rival, given["plain"]).metrics["error_cost"]
    assert paired.upper < 0
    unpaired = [e.metrics["error_cost"] for e in pool.values()]
    assert unpaired[0].upper > unpaired[1].lower


def test_the_priority_cost_falls_back_to_what_is_known_of_all() -> None:
    assert choose(evaluations({"priority": "cost", **COSTS})).weights == {"error_cost": 1.0}
    assert choose(evaluations({"priority": "cost"})).weights == {"accuracy": 1.0}


def test_what_is_not_known_of_all_is_left_out_and_said() -> None:
    given = evaluations({"weights": {"rating_mean": 1}})
    found = choose(given)
    assert (found.winner, found.weights) == (choose(evaluations()).winner, {"accuracy": 1.0})
    said = "Of the weights rating_mean is left out: it is not known of all of them."
    assert found.reason.endswith(said)
    stars = {name: Evidence("ratings", {"rating_mean": Estimate(mean, mean - 0.1, mean + 0.1, 90)})
             for name, mean in {"plain": 3.0, "uneven": 3.5, "bad": 4.5}.items()}  # fmt: skip
    rated = {name: replace(e, evidence=(stars[name],)) for name, e in given.items()}
    assert (choose(rated).winner, choose(rated).weights, choose(rated).ties) == ("bad", {"rating_mean": 1.0}, ())
    mixed = evaluations({"weights": {"recall[zebra]": 3, "coverage": 1, "cohen_kappa": 1}})
    assert choose(mixed).weights == {"coverage": 0.5, "cohen_kappa": 0.5}
    assert "Of the weights recall[zebra] is left out" in choose(mixed).reason


def test_only_what_passes_can_win() -> None:
    given = evaluations({"thresholds": [{"metric": "accuracy", "every": "channel", "min": 0.8}]})
    assert [given[name].verdict.outcome for name in ("plain", "uneven")] == [Outcome.PASS, Outcome.FAIL]
    found = choose(given)
    assert found.winner == "plain"
    assert [candidate.name for candidate in found.candidates] == ["plain"]
    assert found.reason.startswith("plain is cleared for launch: the only one that passes (accuracy 0.8")
    assert choose({name: given[name] for name in ("uneven", "bad")}).reason.startswith(
        "uneven is not cleared for launch: best of 2, none of which passes, by accuracy"
    )


def test_metrics_of_scores_and_of_your_own_have_weights_too() -> None:
    own = CustomMetric("missed", lambda p, labels: p[..., 0, 1], lower_is_better=True)
    frame = rows()
    for name in ("plain", "bad"):
        frame[f"{name}.a"] = np.where(frame[name] == "a", 0.8, 0.2)
        frame[f"{name}.b"] = 1 - frame[f"{name}.a"]
    given = {
        name: evaluate(frame, prediction=name, scores={"a": f"{name}.a", "b": f"{name}.b"}, metrics=[own])
        for name in ("plain", "bad")
    }
    for weights in ({"log_loss": 1.0}, {"missed": 1.0}, {"roc_auc[a]": 1.0}, {"recall[a]": 2.0, "brier": 1.0}):
        found = choose(given, load({"weights": weights}, ["missed"]))
        assert (found.winner, found.ties) == ("plain", ()), weights
    assert choose({"x": given["bad"], "y": given["bad"]}, load({"weights": {"log_loss": 1}})).ties == ("y",)


def test_rows_that_are_not_shared_tie_nothing() -> None:
    given = evaluations()
    lonely = replace(given["plain"], predictions=None)
    assert choose({"uneven": given["uneven"], "plain": lonely}).ties == ()


def test_nothing_to_choose_from_is_an_error() -> None:
    with pytest.raises(ComparisonError, match="there is no evaluation"):
        choose({})


@pytest.mark.parametrize(
    ("weights", "words"),
    [({"acuracy": 1}, "Did you mean 'accuracy'"), ({"accuracy": 0}, "greater than 0"),
     ({"recall": 1}, "of one class as 'recall"), ({"accuracy": "much"}, "valid number")],
)  # fmt: skip
def test_wrong_weights_are_refused(weights: dict[str, Any], words: str) -> None:
    with pytest.raises(RequirementsError, match=words):
        load({"weights": weights})


def test_weights_are_part_of_what_is_asked() -> None:
    assert load({"weights": {"accuracy": 1}}).digest != load({}).digest
    assert load({"weights": {}}).digest == Requirements().digest
