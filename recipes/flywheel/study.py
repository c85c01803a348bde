"""The wheel over several years that differ by their seed: what it brings back, against labels drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlflow_evalplus.core.collecting.collect import collect
from recipes.flywheel.recovery import BEFORE, CLUSTER, WITH, WITHOUT, Recovery, recovery
from recipes.flywheel.spin import Model, at_random, everything, fit, right, spin
from recipes.flywheel.stream import OLD_WORDING, PHRASE, ROW, TEXT, Stream

WHEEL, RANDOM, ALL = "wheel", "random", "all labelled"


def collected(log: pd.DataFrame, train: pd.DataFrame, budget: int, seed: int) -> np.ndarray:
    """Choose by `collect`: what the model is unsure of, new words, and a fifth at random."""
    queue = collect(log, budget, training=train[[TEXT]], seed=seed)
    return np.array([case.row for case in queue.cases], dtype=np.int64)


POLICIES = {WHEEL: collected, RANDOM: at_random, ALL: everything}


@dataclass(frozen=True)
class Study:
    """What each policy brought back, over all seeds.

    Attributes
    ----------
    policies : dict of str to Recovery
    better : Recovery
        `without` is the random policy, `reached` the wheel: what choosing brought over drawing at random.
    unphrased : Recovery or None
        The wheel on messages without a phrase alone, where the stream has phrases: what more labels bring anyway.
    n_seeds : int
    """

    policies: dict[str, Recovery]
    better: Recovery
    unphrased: Recovery | None
    n_seeds: int


def study(make: Callable[[int], Stream], budget: int, seeds: Sequence[int], *, base: str = "words") -> Study:
    """Spin the wheel through the year of each seed, under every policy.

    Rows are clusters: one that occurs under several seeds counts as one.

    Parameters
    ----------
    make : callable
        Returns the stream of a seed.
    budget : int
        Labels a turn.
    seeds : sequence of int
    base : str
        A classifier of `recipes.classifiers.linear`.
    """
    frames = []
    for seed in seeds:
        stream = make(seed)
        last = {name: spin(stream, choose, budget, seed=seed, base=base).last for name, choose in POLICIES.items()}
        frames.append(_answers(stream, last, fit(stream.first, base)))
    rows = pd.concat(frames, ignore_index=True)
    found = {name: recovery(rows.assign(**{WITH: rows[name]})) for name in POLICIES}
    better = recovery(rows.assign(**{WITHOUT: rows[RANDOM], WITH: rows[WHEEL]}))
    plain = rows[rows[PHRASE] == ""] if PHRASE in rows else None
    return Study(found, better, None if plain is None else recovery(plain.assign(**{WITH: plain[WHEEL]})), len(seeds))


def _answers(stream: Stream, last: dict[str, Model], first: Model) -> pd.DataFrame:
    """Return a row per judged message; where there is no old wording also one per test row, for the accuracy before."""
    judged = stream.judged
    columns: dict[str, object] = {CLUSTER: judged[ROW], WITHOUT: right(first, judged)}
    columns |= {name: right(model, judged) for name, model in last.items()}
    if OLD_WORDING in judged:
        columns |= {BEFORE: right(first, judged, OLD_WORDING), PHRASE: judged[PHRASE]}
        return pd.DataFrame(columns).astype(dict.fromkeys((BEFORE, WITHOUT, *last), float))
    early = pd.DataFrame({CLUSTER: stream.held_out[ROW], BEFORE: right(first, stream.held_out).astype(float)})
    return pd.concat([pd.DataFrame(columns).astype(dict.fromkeys((WITHOUT, *last), float)), early])
