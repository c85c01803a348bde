"""Clean labelled data, for what the checks must not say of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABELS = np.array(["negative", "neutral", "positive"])


def clean(n: int, rng: np.random.Generator, *, n_words: int = 12, n_clusters: int = 0) -> pd.DataFrame:
    """Return rows that are drawn alike whatever their part: six columns, of which some tell a little of the label.

    With clusters, all rows of a customer share channel and amount, nearly, and most share the label.
    """
    own = rng.integers(0, n_clusters, n) if n_clusters else np.arange(n)
    size = n_clusters or n
    shared = rng.choice(3, size, p=[0.45, 0.35, 0.2])[own]
    label = np.where(rng.random(n) < (0.7 if n_clusters else 0), shared, rng.choice(3, n, p=[0.45, 0.35, 0.2]))
    vocabulary = 1 / np.arange(1, 3001)
    words = rng.choice(3000, (n, n_words), p=vocabulary / vocabulary.sum())
    channel = rng.choice(3, size, p=[0.5, 0.3, 0.2])[own]
    return pd.DataFrame(
        {
            "id": [f"m{i:09d}" for i in rng.integers(0, 10**9, n)],
            "text": [" ".join(f"w{word}" for word in row[: rng.integers(6, n_words + 1)]) for row in words],
            "label": LABELS[label],
            "channel": np.array(["app", "web", "email"])[channel],
            "amount": rng.normal(size=size)[own] + 0.05 * rng.normal(size=n),
            "n_before": rng.poisson(3, n),
            "customer_id": rng.integers(10**6) + own,
        }
    )
