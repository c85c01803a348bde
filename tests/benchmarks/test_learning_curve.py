"""Does the 95 % interval of a gain hold the truth, in simulations and on real data, and how far off is the gain?

``pytest -m benchmark -s tests/benchmarks/test_learning_curve.py`` prints the tables of docs/learning_curve.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from mlflow_evalplus.core.learning.learning_curve import curve_of
from recipes.classifiers.learning_curve import Predict, measure
from tests.conftest import REAL_DATA
from tests.core.learning.curves import World

pytestmark = pytest.mark.benchmark
SIMULATIONS = 400
POOLS = 8
WORLDS = {
    "bends": World(2000, 1000, 0.10, 2.0, 0.35),
    "bends soon": World(2000, 1000, 0.12, 15.0, 0.9),
    "hardly bends": World(2000, 1000, 0.0, 0.8, 0.15),
    "flat": World(2000, 1000, 0.25, 0.0, 1.0),
    "300 rows, 200 test rows": World(300, 200, 0.1, 2.0, 0.4),
    "20,000 rows, 5,000 test rows": World(20_000, 5000, 0.1, 2.0, 0.3, spread=0.005),
    "noisy training": World(2000, 1000, 0.1, 2.0, 0.35, spread=0.04),
    "100 clusters of test rows": World(2000, 1000, 0.1, 2.0, 0.35, clusters=100),
}


def coverage(world: World, repeats: int) -> tuple[float, float, float]:
    """Return how often the interval of the next 1,000 labels holds the truth, its mean width, and the mean error."""
    truth, found = world.gain(1000), []
    for seed in range(SIMULATIONS):
        rng = np.random.default_rng([seed, repeats])
        right, n_train, repeat = world.draw(rng, repeats=repeats)
        cluster = world.cluster if world.clusters else None
        gain = curve_of(right, n_train, repeat=repeat, cluster=cluster, rng=rng).more[0].gain
        found.append((gain.lower <= truth <= gain.upper, gain.upper - gain.lower, gain.value - truth))
    held, width, off = np.mean(found, axis=0).tolist()
    return held, width, off


@pytest.mark.parametrize("repeats", [3, 1])
def test_the_95_percent_interval_of_a_gain_covers_about_95_percent(repeats: int) -> None:
    print(f"\n{repeats} repeats: world | truth, points | covered | covered, spread does not fall | width | bias")
    low = []
    for name, world in WORLDS.items():
        held, width, off = coverage(world, repeats)
        constant = coverage(replace(world, falling=False), repeats)[0]
        truth = 100 * world.gain(1000)
        print(f"{name} | {truth:.2f} | {held:.3f} | {constant:.3f} | {100 * width:.2f} | {100 * off:+.2f}")
        low += [name] if min(held, constant) < 0.90 else []
    assert low == []


def tasks() -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    tweets = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv")
    tweets = tweets[tweets["language"] == "english"]
    sentences = pd.read_csv(REAL_DATA / "dynasent" / "examples.csv")
    first, second = (sentences[sentences["round"] == number] for number in (1, 2))
    found = {
        "XLM-T English": (tweets[tweets["split"] != "test"], tweets[tweets["split"] == "test"]),
        "DynaSent round 1": (first[first["split"] == "dev"], first[first["split"] == "test"]),
        "DynaSent round 2": (second[second["split"] == "dev"], second[second["split"] == "test"]),
    }
    return {name: (train[["text", "label"]], test[["text", "label"]]) for name, (train, test) in found.items()}


def fit(rows: pd.DataFrame) -> Predict:
    features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = make_pipeline(features, LogisticRegression(C=8.0, max_iter=1000)).fit(rows["text"], rows["label"])
    return lambda frame: model.predict(frame["text"])


def accuracy(train: pd.DataFrame, test: pd.DataFrame, n: int) -> float:
    """Return the mean accuracy over training sets of n rows on the same test rows."""
    fits = 1 if n >= len(train) else 12
    drawn = (train.sample(n, random_state=100 + seed) for seed in range(fits))
    return float(np.mean([(fit(rows)(test) == test["label"]).mean() for rows in drawn]))


@pytest.mark.skipif(not REAL_DATA.exists(), reason="needs ../shared/data")
def test_a_quarter_of_real_data_foretells_what_the_rest_buys() -> None:
    print("\ndata | rows at hand | times | gain that came | foretold, mean of 8 | off, root mean square | held")
    held_in_all, asked_in_all = 0, 0
    with threadpool_limits(1, "blas"):
        for name, (train, test) in tasks().items():
            n = len(train) // 4
            came = {times: accuracy(train, test, times * n) for times in (1, 2, 4)}
            curves = [
                measure(fit, train.sample(n, random_state=seed), test, text="text", label="label", more=3 * n)
                for seed in range(POOLS)
            ]
            for times in (2, 4):
                gain = came[times] - came[1]
                found = [more.gain for curve in curves for more in curve.more if more.rows == (times - 1) * n]
                values = np.array([one.value for one in found])
                held = sum(one.lower <= gain <= one.upper for one in found)
                off = float(np.sqrt(((values - gain) ** 2).mean()))
                print(
                    f"{name} | {n:,} | {times} | {100 * gain:+.1f} | {100 * values.mean():+.1f} | {100 * off:.1f} | "
                    f"{held} of {POOLS}"
                )
                held_in_all, asked_in_all = held_in_all + held, asked_in_all + POOLS
    assert held_in_all >= 0.7 * asked_in_all
