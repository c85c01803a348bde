"""The guard of the training data: distinct texts that it refuses, and time.

``pytest -m benchmark -s tests/benchmarks/test_training_data.py`` prints the tables of docs/training_data.md.
"""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.core.training_data.contamination import contaminated
from tests.benchmarks.populations import table
from tests.conftest import REAL_DATA
from tests.core.training_data.sneaking import MESSAGES

pytestmark = pytest.mark.benchmark
PARTS = 10
N = 10_000
LIMITS = {"tweets": (20.0, 400), "one template": (80.0, 800)}  # seconds, and MB of numpy and Python


def real_texts() -> dict[str, list[str]]:
    texts = {"messages of the recipe": MESSAGES["text"]}
    if REAL_DATA.exists():
        tweets = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv")
        texts["DynaSent"] = pd.read_csv(REAL_DATA / "dynasent" / "examples.csv")["text"]
        texts |= {f"XLM-T {name}": tweets["text"][tweets["language"] == name] for name in ("english", "french")}
    return {name: given.dropna().drop_duplicates().tolist() for name, given in texts.items()}


def test_distinct_texts_are_hardly_ever_refused() -> None:
    rows, shares = [], {}
    for name, texts in real_texts().items():
        found: Counter[str] = Counter()
        for part in range(PARTS):
            others = [text for place, text in enumerate(texts) if place % PARTS != part]
            found.update(contaminated(texts[part::PARTS], others))
        shares[name] = 1 - found[""] / len(texts)
        counts = [f"{found[reason]:,}" for reason in ("same_text", "same_words", "near_copy")]
        rows.append((name, f"{len(texts):,}", *counts, f"{shares[name]:.2%}"))
    print("\n\neach text against all others\n")
    print(table(("texts", "n", "same_text", "same_words", "near_copy", "refused"), rows))
    assert shares["messages of the recipe"] <= 0.002
    assert all(share <= 0.005 for name, share in shares.items() if name != "XLM-T french")  # these are shared headlines


def templated(n: int, rng: np.random.Generator) -> list[str]:
    words = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 6)) for _ in range(3000)]
    start = "dear customer your parcel has been delivered late again and we are"
    return [" ".join([start, *rng.choice(words, 4)]) for _ in range(n)]


@pytest.mark.parametrize("kind", LIMITS)
def test_ten_thousand_rows_are_held_against_ten_thousand(kind: str) -> None:
    rng = np.random.default_rng(0)
    if kind == "tweets" and not REAL_DATA.exists():
        pytest.skip("needs the real data sets")
    tweets = pd.read_csv(REAL_DATA / "xlmt_sentiment" / "xlmt_sentiment.csv")["text"] if kind == "tweets" else None
    texts = templated(2 * N, rng) if tweets is None else tweets.sample(2 * N, random_state=0).tolist()
    start = time.perf_counter()
    found = Counter(contaminated(texts[:N], texts[N:]))
    seconds = time.perf_counter() - start
    tracemalloc.start()
    contaminated(texts[:N], texts[N:])
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(f"\n\n{kind}: {N:,} × {N:,} in {seconds:.1f} s, {megabytes:.0f} MB; {dict(found)}")
    assert seconds < LIMITS[kind][0]
    assert megabytes < LIMITS[kind][1]
