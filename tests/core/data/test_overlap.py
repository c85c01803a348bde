from __future__ import annotations

import numpy as np
import pandas as pd

import mlflow_evalplus as ep
from tests.core.data.frames import clean


def test_slices_that_training_never_saw_are_named() -> None:
    train = pd.DataFrame({"label": ["a", "b"] * 30, "channel": ["app", "web"] * 30, "country": "de"})
    test = pd.DataFrame({"label": ["a", "b"] * 20, "channel": ["app", "fax", None, "web"] * 10, "country": "de"})
    (found,) = ep.check_data(train, test, slices=["channel", "country"]).of("unseen_slices")
    assert (found.column, found.level.value, found.n) == ("channel", "warning", 20)
    assert found.sentence.startswith(
        "20 of 40 (50.0 %) test rows are of a value of 'channel' that no training row has:"
    )
    assert "'fax'" in found.sentence
    assert "'(missing)'" in found.sentence
    (well,) = ep.check_data(train, test, slices=["country", "text_length"]).of("unseen_slices")
    assert well.level.value == "ok"


def test_customers_in_both_parts_are_warned_of_where_their_labels_repeat() -> None:
    rows = clean(900, np.random.default_rng(0), n_clusters=90)
    (found,) = ep.check_data(rows[:600], rows[600:], cluster="customer_id").of("cluster_overlap")
    known = set(rows["customer_id"][:600])
    n = rows["customer_id"][600:].isin(known).sum()
    assert (found.level.value, found.n) == ("warning", n)
    first = rows[:600].groupby("customer_id")["label"].agg(lambda labels: labels.mode().min())
    test = rows[600:][rows["customer_id"][600:].isin(known)]
    right = (test["customer_id"].map(first) == test["label"]).mean()
    assert f"its training labels alone tell {100 * right:.1f} % of theirs" in found.sentence


def test_customers_whose_labels_do_not_repeat_do_no_harm() -> None:
    rows = clean(900, np.random.default_rng(0)).assign(customer_id=np.arange(900) % 90)
    (found,) = ep.check_data(rows[:600], rows[600:], cluster="customer_id").of("cluster_overlap")
    assert (found.level.value, found.n) == ("ok", 300)
    assert "so they hardly help" in found.sentence


def test_customers_of_one_part_each_do_not_overlap() -> None:
    rows = clean(300, np.random.default_rng(0)).assign(customer_id=np.arange(300) // 3)
    (found,) = ep.check_data(rows[:201], rows[201:], cluster="customer_id").of("cluster_overlap")
    assert (found.level.value, found.n) == ("ok", 0)
    rows["customer_id"] = None  # who has no customer is one of their own
    assert ep.check_data(rows[:201], rows[201:], cluster="customer_id").of("cluster_overlap")[0].n == 0
