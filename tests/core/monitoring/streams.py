"""Production logs of a model that is known: how often it is right, how sure it is, who asks what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from mlflow_evalplus.core.counts import Blocks, Margin
from mlflow_evalplus.core.monitoring.drop import Answers

LABELS = np.array(["negative", "neutral", "positive"])
SCORES = {label: f"p_{label}" for label in LABELS.tolist()}
SLICES = ("channel", "language", "product")
CHANNELS = (np.array(["app", "web", "mail", "phone"]), np.array([0.4, 0.3, 0.2, 0.1]))
LANGUAGES = (np.array(["en", "zh"]), np.array([0.7, 0.3]))
PRODUCTS = (np.array(list("abcdefgh")), np.array([0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05]))
N_WORDS, TEXT_WORDS = 400, 8
WORDS = np.array([f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(N_WORDS)])
WORD_SHARES = (1 / np.arange(2, N_WORDS + 2)) / (1 / np.arange(2, N_WORDS + 2)).sum()
SPREAD = 1.2  # standard deviation of the logit of how likely an answer is right
TOO_SURE = 1.7  # by which the model's own logit is larger
LUCK = 0.7  # of a customer's own logit, which the scores do not know
OWN = 0.5  # share of a customer's slice values and words that are the customer's own


@cache
def level(accuracy: float, spread: float) -> float:
    """Return the mean logit at which so many answers are right."""
    z, w = np.polynomial.hermite_e.hermegauss(60)
    low, high = -5.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if w @ special.expit(middle + spread * z) / w.sum() < accuracy else (low, middle)
    return low


@dataclass(frozen=True)
class Answered:
    """Rows that a model has answered: how sure it is, whether it is right, and whose rows they are."""

    sure: np.ndarray
    right: np.ndarray
    who: np.ndarray


def answered(
    n: int, rng: np.random.Generator, *, accuracy: float = 0.9, drop: float = 0.0, harder: float = 0.0,
    customers: int = 0, too_sure: float = TOO_SURE, bent: bool = False,
) -> Answered:  # fmt: skip
    """Return answers of a model.

    `drop` takes so much accuracy away that the scores do not know of (concept shift); `harder` so much that they do
    know of: more of the texts are hard (covariate shift). With `customers` a customer's rows share luck that the scores
    do not know of. The model's logit is `too_sure` times the true one; `bent`: no multiple of it, 0.97 at most.
    """
    who = rng.integers(0, customers, n) if customers else np.arange(n)
    luck = LUCK * rng.normal(size=customers)[who] if customers else np.zeros(n)
    logit = level(round(accuracy - harder, 6), float(np.hypot(SPREAD, LUCK * bool(customers)))) + SPREAD * rng.normal(
        size=n
    )
    right = rng.random(n) < special.expit(logit + luck) * (1 - drop / accuracy)
    sure = special.expit(too_sure * logit)
    return Answered(0.4 + 0.57 * sure**2 if bent else sure, right, who)


def stream(n: int, rng: np.random.Generator, *, labelled: float = 1.0, **of_answers: Any) -> pd.DataFrame:
    """Return a log of such answers, with texts and slices, of which a share is labelled.

    With customers, a customer's rows share words and slice values, too.
    """
    customers = of_answers.get("customers", 0)
    found = answered(n, rng, **of_answers)
    label = rng.integers(0, 3, n)
    answer = np.where(found.right, label, (label + rng.integers(1, 3, n)) % 3)
    scores = np.repeat(((1 - found.sure) / 2)[:, None], 3, axis=1)
    scores[np.arange(n), answer] = found.sure
    frame = pd.DataFrame(
        {"text": texts(n, rng, found.who, customers), "label": LABELS[label], "prediction": LABELS[answer]}
        | {column: scores[:, i] for i, column in enumerate(SCORES.values())}
        | {name: chosen(n, rng, values, found.who, customers)
           for name, values in zip(SLICES, (CHANNELS, LANGUAGES, PRODUCTS), strict=True)}
        | {"customer": [f"c{i}" for i in found.who]}
    )  # fmt: skip
    frame.loc[rng.random(n) >= labelled, "label"] = None
    return frame


def chosen(
    n: int, rng: np.random.Generator, values: tuple[np.ndarray, np.ndarray], who: np.ndarray, customers: int
) -> np.ndarray:
    found = rng.choice(values[0], n, p=values[1])
    if not customers:
        return found
    return np.where(rng.random(n) < OWN, rng.choice(values[0], customers, p=values[1])[who], found)


def texts(n: int, rng: np.random.Generator, who: np.ndarray, customers: int) -> list[str]:
    words = rng.choice(N_WORDS, (n, TEXT_WORDS), p=WORD_SHARES)
    if customers:
        own = rng.choice(N_WORDS, (customers, TEXT_WORDS), p=WORD_SHARES)[who]
        words = np.where(rng.random((n, TEXT_WORDS)) < OWN, own, words)
    return [" ".join(row) for row in WORDS[words]]


def at_most(share: float, n: int, sure: float = 0.999) -> int:
    """Return how many of `n` simulations may show what is to be seen in at most this share of them."""
    return int(stats.binom.ppf(sure, n, share))


def judged(right: np.ndarray, weights: np.ndarray | None = None, who: np.ndarray | None = None) -> Answers:
    """Return answers as `drop` takes them, without the rest of an evaluation, which would take longer."""
    cells = right.astype(np.int64)
    weights = np.ones(len(cells)) if weights is None else weights
    counts = [np.bincount(cells, w, 2)[None] for w in (np.ones(len(cells)), weights, weights**2)]
    if who is None:
        return Answers({}, Margin((), [()], *counts))
    keys, entries = np.unique(2 * who + cells, return_inverse=True)
    starts = np.flatnonzero(np.diff(keys // 2, prepend=-1))
    zeros = np.zeros(len(keys), dtype=np.int64)
    blocks = Blocks(starts, zeros[starts], keys[starts] // 2, zeros, keys % 2, np.bincount(entries, weights))
    return Answers({}, Margin((), [()], *counts, blocks))
