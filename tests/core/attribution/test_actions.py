"""What to do next: the right thing for what was planted, what it costs, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.attribution import actions as module
from mlflow_evalplus.core.attribution.gains import as_the_rest
from mlflow_evalplus.core.predictions import read
from mlflow_evalplus.results import Estimate
from mlflow_evalplus.results.causes import Action, Actions

PRICES = {"prices": {"label": 0.5, "currency": "EUR"}}


def planned(frame: pd.DataFrame, why: dict[str, Any] | None = None, **options: Any) -> Actions:
    options = {"slices": ["channel"] if "channel" in frame else [], "requirements": PRICES} | options
    found = ep.attribute(ep.evaluate(frame, **options), **(why or {})).attribution
    assert found is not None
    return found.actions


def of(actions: Actions, kind: str) -> list[Action]:
    return [action for action in actions.rows if action.kind == kind]


def answered(wrong: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Return rows labelled "a" and "b" in turn, answered with the other one where `wrong`."""
    label = np.resize(["a", "b"], len(wrong))
    return pd.DataFrame(
        {"label": label, "prediction": np.where(wrong, np.resize(["b", "a"], len(wrong)), label), **columns}
    )


@pytest.fixture(scope="module")
def web() -> pd.DataFrame:
    """Return 1,000 rows of which those of 'web', every fifth, are answered far worse."""
    rng, channel = np.random.default_rng(0), np.resize(["web", "app", "app", "app", "app"], 1000)
    return answered(rng.random(1000) < np.where(channel == "web", 0.4, 0.05), channel=channel)


def training(**n: int) -> dict[str, Any]:
    return {"training": pd.DataFrame({"channel": np.repeat(list(n), list(n.values()))})}


def test_a_weak_slice_that_lacks_training_rows_gets_some(web: pd.DataFrame) -> None:
    (collect,) = of(planned(web, training(app=1900, web=100)), "collect")
    # 375 more, and 'web' is a fifth of the training rows too
    assert collect.text == "Collect 375 training rows for channel=web, which has 100"
    assert (collect.rows, collect.price, collect.currency) == (375, 187.5, "EUR")
    assert (100 + collect.rows) / (2000 + collect.rows) == pytest.approx(0.2)
    rows = read(web, slices=["channel"])
    inside, wrong = (web["channel"] == "web").to_numpy(), (web["label"] != web["prediction"]).to_numpy()
    assert collect.gain == as_the_rest(rows, inside, wrong, 1 - 0.05 / 2).gain  # found among two slices
    ids = rows.with_ids().table["example_id"].to_pylist()
    assert collect.examples == tuple(ids[row] for row in np.flatnonzero(inside & wrong)[:20])


def test_a_weak_slice_with_enough_training_rows_gets_a_model_of_its_own(web: pd.DataFrame) -> None:
    (own,) = of(planned(web, training(app=1600, web=400)), "separate_model")
    assert own.text == "Give channel=web a model, or features, of its own: it does not lack training rows (400)"
    assert (own.rows, own.price) == (None, None)
    assert own.summary.startswith("up to +")
    assert not of(planned(web, training(app=1600, web=400)), "collect")


def test_a_weak_slice_of_which_training_is_not_known_gets_either(web: pd.DataFrame) -> None:
    for why in ({}, {"training": pd.DataFrame({"text": ["x"]})}):
        (action,) = of(planned(web, why), "collect")
        assert action.text == "Collect training data for channel=web, or give it a model of its own"
        assert (action.rows, action.price) == (None, None)


def test_a_slice_that_training_does_not_hold_at_all(web: pd.DataFrame) -> None:
    (collect,) = of(planned(web, training(app=2000)), "collect")
    assert collect.text == "Collect 500 training rows for channel=web, which has 0"


def test_without_a_price_of_labels_there_is_none(web: pd.DataFrame) -> None:
    for requirements in (None, {"prices": {"machine_per_hour": 1.0}}):
        (collect,) = of(planned(web, training(app=1900, web=100), requirements=requirements), "collect")
        assert (collect.rows, collect.price) == (375, None)
        assert "USD" not in collect.summary


def test_words_that_training_lacks_are_named_the_most_frequent_first() -> None:
    rng, held = np.random.default_rng(1), np.arange(1000) < 200
    text = np.where(held, np.where(np.arange(1000) % 4, "drone is late", "hovercraft is late"), "parcel is late")
    frame = answered(rng.random(1000) < np.where(held, 0.4, 0.05), text=text)
    (collect,) = of(planned(frame, {"training": pd.DataFrame({"text": ["parcel is late"] * 50})}), "collect")
    # 12 of 62 training texts are the fifth that such texts are of the test rows
    assert collect.text == "Collect 12 training texts with words such as drone, hovercraft"
    assert (collect.rows, collect.price) == (12, 6.0)


def test_relabelling_buys_no_more_than_its_rows() -> None:
    """The model is wrong in a tenth of its surest rows; but only the twenty suspects are to be relabelled."""
    wrong = np.arange(400) % 10 == 0
    sure = np.where(np.arange(400) < 200, 0.95, 0.8) + 1e-7 * np.random.default_rng(0).permutation(400)
    a = np.where((np.arange(400) % 2 == 0) != wrong, sure, 1 - sure)
    frame = answered(wrong, score_a=a, score_b=1 - a)
    (relabel,) = of(planned(frame, scores={"a": "score_a", "b": "score_b"}), "relabel")
    assert relabel.rows is not None
    assert relabel.price == relabel.rows * 0.5
    assert 0 < relabel.gain.value <= relabel.rows / 400
    assert relabel.gain.lower <= relabel.gain.value <= relabel.gain.upper <= relabel.rows / 400
    assert relabel.text == f"Relabel {relabel.rows} rows against whose label the model's probabilities speak"
    assert relabel.at_most


def test_relabelling_heavy_rows_buys_their_weight() -> None:
    wrong = np.arange(200) < 4
    frame = answered(wrong, weight=np.where(wrong, 50.0, 1.0))
    frame["x"] = frame["y"] = frame["prediction"]
    (relabel,) = of(planned(frame, weight="weight", annotators=["x", "y"]), "relabel")
    assert relabel.rows == 4
    assert relabel.gain.value == pytest.approx(200 / (200 + 196))


def test_given_rules_are_applied_where_they_mend_more_than_they_break() -> None:
    text = np.where(np.arange(400) % 4 == 0, "refund", "fine")
    frame = answered((np.arange(400) % 4 == 0) & (np.arange(400) < 80), text=text)
    (rule,) = [row for row in of(planned(frame, {"rules": {"refund": "a"}}), "rule") if "on top" in row.text]
    assert (rule.rows, rule.price, rule.gain.value) == (None, None, pytest.approx(20 / 400))
    wrong_way = planned(frame, {"rules": {"refund": "b"}})
    assert not [row for row in of(wrong_way, "rule") if "on top" in row.text]


def test_words_that_make_rules_are_proposed_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["ombudsman", "投诉", "refund"]
    place = np.arange(900) % 9
    text = np.where(place < 3, np.array(words)[place % 3], "fine")
    frame = answered((place < 3) & (np.arange(900) % 5 < 3), text=text)
    frame["label"] = np.where(place < 3, "a", frame["label"])
    frame["prediction"] = np.where(place < 3, np.where(np.arange(900) % 5 < 3, "b", "a"), frame["label"])
    (rule,) = of(planned(frame), "rule")
    assert all(f"“{word}” → a" in rule.text for word in words)
    assert rule.gain.value == pytest.approx(180 / 900)
    assert (rule.rows, len(rule.examples)) == (None, 20)
    monkeypatch.setattr(module, "MAX_WORDS", 1)
    (rule,) = of(planned(frame), "rule")
    assert rule.text.endswith("” → a and 2 more words")


def test_the_largest_gain_comes_first_and_what_is_only_a_bound_last(web: pd.DataFrame) -> None:
    frame = web.assign(text=np.where(np.arange(1000) < 150, "good but slow", "good"), x=web["label"])
    frame.loc[np.arange(1000) < 150, "prediction"] = np.where(np.arange(150) % 2, "a", "b")
    frame["y"] = np.where(np.arange(1000) % 40 == 0, frame["prediction"], frame["label"])
    found = planned(frame, training(app=1900, web=100), annotators=["x", "y"]).rows
    assert len({action.kind for action in found}) > 2
    order = [(action.at_most, -action.gain.value) for action in found]
    assert order == sorted(order)


def test_nothing_is_listed_where_nothing_is_worth_it() -> None:
    """All that can be told of these rows is that three in ten thousand are wrong."""
    assert planned(answered(np.arange(10_000) < 3), slices=[]).rows == ()
    assert planned(answered(np.zeros(100, bool)), slices=[]).rows == ()


def test_at_most_twelve_actions_of_which_five_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, shop = np.random.default_rng(2), np.arange(3000) % 15
    frame = answered(rng.random(3000) < np.where(shop < 7, 0.5, 0.02), shop=[f"s{i}" for i in shop])
    found = planned(frame, slices=["shop"])
    assert len(of(found, "collect")) == 5
    monkeypatch.setattr(module, "MAX_ACTIONS", 3)
    assert len(planned(frame, slices=["shop"]).rows) == 3


def test_the_frame_has_the_columns_of_the_contract(web: pd.DataFrame) -> None:
    table = planned(web, training(app=1900, web=100)).frame()
    assert tuple(table.columns) == tuple(Actions().frame().columns) == names.ACTION_COLUMNS
    assert (table["action"][0], table["kind"][0]) == ("collect", "collect")
    assert table["summary"][0] == f"{planned(web, training(app=1900, web=100)).rows[0].summary}: {table['text'][0]}"
    assert table["rows"][0] == 375
    assert table["price"][0] == 187.5
    assert str(table["rows"].dtype) == "Int64"  # None among them must not make them 375.0
    gain = Estimate(0.02, -0.001, 0.041, 100)
    model = Action("model", "Try another model", None, gain, None, "USD", ("r1", "r2"), at_most=True)
    assert Actions((model,)).frame()["examples"][0] == "r1, r2"
    assert Actions((model,)).frame()["price"].isna().all()
    # what several runs advise stands in the same row
    assert list(Actions((model, replace(model, kind="rule"), model)).frame()["action"]) == ["model", "rule", "model 2"]
    assert (model.at_most, model.summary) == (True, "up to +2.0 points [-0.1, +4.1]")
