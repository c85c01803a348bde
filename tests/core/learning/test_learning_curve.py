from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlflow_evalplus as ep
from mlflow_evalplus.core.learning import learning_curve as core
from mlflow_evalplus.core.learning.learning_curve import curve_of
from mlflow_evalplus.errors import ColumnNotFound, DataError
from mlflow_evalplus.requirements import Prices
from mlflow_evalplus.results import LearningCurve
from tests.core.learning.curves import World
from tests.generated import inputs

SLOW = World(2000, 600, 0.0, 0.8, 0.15)
BENDING = World(1500, 400, 0.10, 2.0, 0.4)


def simulated(world: World, seed: int, **options: object) -> LearningCurve:
    rng = np.random.default_rng(seed)
    right, n_train, repeat = world.draw(rng)
    return curve_of(right, n_train, repeat=repeat, rng=rng, **options)  # type: ignore[arg-type]


def long_frame(seed: int = 0) -> pd.DataFrame:
    """Return one row per model and test example, of 5 sizes in 2 repeats."""
    right, n_train, repeat = World(640, 150, 0.1, 2.0, 0.4).draw(np.random.default_rng(seed), sizes=5, repeats=2)
    rows = [
        (n, r, f"e{i}", "yes", "yes" if ok else "no", f"c{i % 50}")
        for answers, n, r in zip(right, n_train, repeat, strict=True)
        for i, ok in enumerate(answers)
    ]
    return pd.DataFrame(rows, columns=["n_train", "repeat", "example_id", "label", "prediction", "customer"])


@pytest.mark.parametrize("world", [SLOW, replace(BENDING, falling=False)])
def test_the_interval_of_the_gain_covers_the_truth(world: World) -> None:
    """A small version of the benchmark: at 95 % fewer than 26 of 30 has a probability of 0.016, and seeds are fixed."""
    truth = world.gain(1000)
    gains = [simulated(world, seed).more[0].gain for seed in range(30)]
    assert sum(gain.lower <= truth <= gain.upper for gain in gains) >= 26
    assert abs(np.median([gain.value for gain in gains]) - truth) < 0.006


def test_more_test_rows_and_more_training_rows_narrow_the_interval() -> None:
    def width(world: World) -> float:
        gains = [simulated(world, seed).more[0].gain for seed in range(4)]
        return float(np.mean([gain.upper - gain.lower for gain in gains]))

    assert width(replace(BENDING, n_test=4000, spread=0.005)) < 0.6 * width(BENDING)


def test_a_gain_is_counted_from_the_curve_at_the_rows_at_hand() -> None:
    curve = simulated(BENDING, 0)
    law = curve.law
    assert law is not None
    for more in curve.more:
        assert more.accuracy.value == pytest.approx(law.accuracy(curve.n_train + more.rows))
        assert more.gain.value == pytest.approx(more.accuracy.value - law.accuracy(curve.n_train))
        assert 0 <= more.gain.lower <= more.gain.value <= more.gain.upper
    assert [more.rows for more in curve.more] == [1000, 1500]
    fitted = {point.n_train: point.accuracy.value for point in curve.curve}
    assert fitted[188] == pytest.approx(law.accuracy(188))


def test_a_level_that_test_rows_share_does_not_widen_the_gain() -> None:
    """Rows that every model gets wrong lower the accuracy of all sizes alike."""
    right, n_train, repeat = BENDING.draw(np.random.default_rng(0))
    harder = np.hstack([right, np.zeros_like(right)])
    gain, halved = (curve_of(rows, n_train, repeat=repeat).more[0].gain for rows in (right, harder))
    assert halved.upper - halved.lower < 0.7 * (gain.upper - gain.lower)


def test_the_same_seed_gives_the_same_curve_and_another_one_nearly_so() -> None:
    right, n_train, repeat = BENDING.draw(np.random.default_rng(0))
    one, again, other = (curve_of(right, n_train, repeat=repeat, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one == again
    assert one != other
    assert one.more[0].gain.upper == pytest.approx(other.more[0].gain.upper, rel=0.1)


def test_clusters_widen_what_is_known_of_a_size() -> None:
    world = replace(BENDING, clusters=40)
    right, n_train, repeat = world.draw(np.random.default_rng(0))
    alone, grouped = (curve_of(right, n_train, repeat=repeat, cluster=cluster) for cluster in (None, world.cluster))
    wide = [curve.points[-1].accuracy.upper - curve.points[-1].accuracy.lower for curve in (alone, grouped)]
    assert wide[1] > 1.2 * wide[0]


def test_fewer_than_4_sizes_are_not_carried_on() -> None:
    right, n_train, repeat = BENDING.draw(np.random.default_rng(0), sizes=3)
    curve = curve_of(right, n_train, repeat=repeat)
    assert (curve.law, curve.more, curve.curve) == (None, (), ())
    assert curve.sentence.endswith("the law takes 4 sizes of training sets, and there are 3.")
    assert len(curve.points) == 3


def test_what_is_far_beyond_the_data_is_said_to_be_a_guess() -> None:
    assert "3,200 training rows are 5.3 times" in " ".join(simulated(replace(BENDING, n=600), 0, more=2600).notes)
    assert simulated(BENDING, 0).notes == ()


def test_a_curve_that_does_not_rise_is_said_to_be_flat_and_its_upper_bound_is_not_0() -> None:
    right = np.random.default_rng(0).random((6, 300)) < np.linspace(0.8, 0.7, 6)[:, None]
    curve = curve_of(right, [100, 200, 300, 400, 500, 600])
    assert core.FLAT in curve.notes
    gain = curve.more[0].gain
    assert gain.lower == gain.value == 0
    assert gain.upper > 0.001
    assert curve.sentence.startswith("1,000 more labels like these would buy about +0.0 points [+0.0, +")


def test_models_that_were_fitted_once_are_judged_by_how_far_they_lie_off_the_law() -> None:
    right, n_train, _ = BENDING.draw(np.random.default_rng(0), repeats=1)
    curve = curve_of(right, n_train)
    assert core.ONCE.format("Each size was fitted once") in curve.notes
    three = simulated(BENDING, 0)
    wide = [one.more[0].gain.upper - one.more[0].gain.lower for one in (curve, three)]
    assert wide[0] > wide[1]
    assert curve_of(right[:3], n_train[:3]).notes == (core.ONLY_TEST.format("Each size was fitted once"),)


def test_repeats_of_the_largest_size_alone_are_not_called_single_fits() -> None:
    """They are fits on the same rows, so they tell nothing of other ones; yet they are repeats."""
    right, n_train, _ = BENDING.draw(np.random.default_rng(0), repeats=1)
    again = np.vstack([right, right[-1:]])
    curve = curve_of(again, [*n_train, n_train[-1]])
    assert curve.notes[0].startswith("No size below the largest was fitted twice, so what another draw")
    few = curve_of(again[-2:], [100, 100])
    assert few.notes[0].startswith("No size below the largest was fitted twice: the intervals know of other test rows")
    assert few.points[0].n_fits == 2


@settings(max_examples=inputs(20), deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 3), st.integers(1, 40), st.floats(0, 1))
def test_whatever_the_answers_bounds_hold_the_value(
    seed: int, sizes: int, repeats: int, n_test: int, chance: float
) -> None:
    rng = np.random.default_rng(seed)
    n_train = np.repeat(np.arange(1, sizes + 1) * int(rng.integers(1, 100)), repeats).tolist()
    curve = curve_of(rng.random((len(n_train), n_test)) < chance, n_train, more=int(rng.integers(1, 10**6)))
    shown = [point.accuracy for point in (*curve.points, *curve.curve)]
    for estimate in [*shown, *(more.gain for more in curve.more), *(more.accuracy for more in curve.more)]:
        assert 0 <= estimate.lower <= estimate.value + 1e-12
        assert estimate.value <= estimate.upper + 1e-12 <= 1 + 1e-11
    assert bool(curve.more) == (sizes >= 4)
    assert len(curve.frame()) == len(curve.points) + len(curve.more)


def test_a_price_per_label_becomes_a_price_per_point() -> None:
    right, n_train, repeat = BENDING.draw(np.random.default_rng(0))
    curve = curve_of(right, n_train, repeat=repeat, prices=Prices(label=0.08, currency="EUR"))
    assert [more.price for more in curve.more] == [80.0, 120.0]
    assert "at 0.08 EUR a label that is 80.00 EUR, " in curve.sentence
    each = 80 / (100 * curve.more[0].gain.value)
    assert f", {each:,.2f} EUR a point [" in curve.sentence
    assert curve.frame()["price"].dropna().tolist() == [80.0, 120.0]


def test_predictions_in_a_frame_give_the_curve_of_their_answers() -> None:
    frame = long_frame()
    right, n_train, repeat = World(640, 150, 0.1, 2.0, 0.4).draw(np.random.default_rng(0), sizes=5, repeats=2)
    expected = curve_of(right, n_train, repeat=repeat)
    shuffled = frame.sample(frac=1, random_state=0)
    assert repr(ep.learning_curve(shuffled, repeat="repeat").points) == repr(expected.points)
    assert ep.learning_curve(frame).more[0].gain.value == pytest.approx(expected.more[0].gain.value)


def test_a_missing_prediction_is_wrong_and_numbers_are_labels_too() -> None:
    frame = long_frame().assign(label=1)
    frame["prediction"] = frame["prediction"].map({"yes": 1.0, "no": None})
    expected = ep.learning_curve(long_frame())
    assert repr(ep.learning_curve(frame).points) == repr(expected.points)


def test_clusters_are_taken_from_the_frame() -> None:
    frame = long_frame()
    assert ep.learning_curve(frame, cluster="customer").points != ep.learning_curve(frame).points
    own = ep.learning_curve(frame, cluster="example_id")
    assert repr(own.points) == repr(ep.learning_curve(frame).points)


def test_accuracies_alone_give_an_approximate_curve_that_says_so() -> None:
    frame = long_frame()
    keys = ["n_train", "repeat"]
    accuracies = frame.assign(accuracy=frame["label"] == frame["prediction"]).groupby(keys)["accuracy"].mean()
    curve = ep.learning_curve(accuracies.reset_index(), accuracy="accuracy", n_test=150, repeat="repeat")
    assert core.FROM_ACCURACIES in curve.notes
    exact = ep.learning_curve(frame, repeat="repeat")
    assert [p.accuracy.value for p in curve.points] == pytest.approx([p.accuracy.value for p in exact.points])
    wide, narrow = (one.more[0].gain.upper - one.more[0].gain.lower for one in (curve, exact))
    assert 0.5 < wide / narrow < 2


def test_confidence_and_prices_come_from_the_requirements() -> None:
    wanted = {"confidence": 0.8, "prices": {"label": 2, "currency": "CNY"}}
    curve = ep.learning_curve(long_frame(), requirements=wanted, more=300)
    assert curve.confidence == 0.8
    assert (curve.more[0].rows, curve.more[0].price, curve.more[0].currency) == (300, 600.0, "CNY")
    wider = ep.learning_curve(long_frame(), requirements=wanted, confidence=0.99, more=300)
    assert wider.more[0].gain.upper > curve.more[0].gain.upper


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.iloc[1:], {}, "a model of 80 training rows lacks 1 and answers 0 more than once"),
        (lambda f: pd.concat([f, f.iloc[:1]]), {"repeat": "repeat"}, "lacks 0 and answers 1 more than once"),
        (lambda f: f.assign(n_train=f.n_train - 80), {}, "must hold numbers of training rows, 1 or more; row 0"),
        (lambda f: f.assign(n_train=1.5), {}, "holds 1.5"),
        (lambda f: f.assign(n_train="many"), {}, "its type is"),
        (lambda f: f.iloc[:0], {}, "there are no rows"),
        (lambda f: f.assign(label=None), {}, "rows have no 'label'"),
        (lambda f: f.assign(customer=None), {"cluster": "customer"}, "no value in the cluster column"),
        (lambda f: f.assign(customer="one"), {"cluster": "customer"}, "all 150 test rows are of one cluster"),
        (lambda f: f[f.n_train == 80].assign(customer="one"), {"cluster": "customer"}, "leave cluster out"),
        (lambda f: f, {"more": 0}, "more is 0"),
        (lambda f: f.assign(acc=0.5), {"accuracy": "acc"}, "n_test is None"),
        (lambda f: f.assign(acc=50), {"accuracy": "acc", "n_test": 100}, "must hold a probability"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_learning_curve_is_refused_in_words(change, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message):
        ep.learning_curve(change(long_frame()), **options)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ColumnNotFound, match="Did you mean 'n_train'"):
        ep.learning_curve(long_frame(), n_train="ntrain")


def test_undefined_figures_of_the_frame_are_nan() -> None:
    frame = simulated(BENDING, 0).frame()
    assert frame["kind"].tolist() == ["measured"] * 6 + ["extrapolated"] * 2
    assert all(math.isnan(value) for value in frame["gain"][:6])
    assert frame["price"].isna().all()
    assert frame["rows"].tolist()[-2:] == ["1,000 more", "1,500 more"]
