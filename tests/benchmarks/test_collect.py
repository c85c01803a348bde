"""A million rows of a log, from which 200 cases are collected: the time, and the peak of the memory.

``pytest -m benchmark -s tests/benchmarks/test_collect.py``; EVALPLUS_ROWS sets another number of rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.benchmark
ROWS = int(float(os.environ.get("EVALPLUS_ROWS", "1e6")))
WORDS, MEAN_WORDS, DUPLICATES, TYPOS, N_TRAINING = 60_000, 15, 0.3, 0.01, 20_000
LABELS = np.array(["negative", "neutral", "positive"], dtype=object)
LIMIT_S, LIMIT_MB = 60, 2_000
PROGRAM = r"""
import json, sys, time
import pandas as pd
import mlflow_evalplus as ep
log, training = (pd.read_parquet(path) for path in sys.argv[1:])
start = time.perf_counter(), time.process_time()
queue = ep.collect(log, 200, label="label", challenger="challenger", slices=["channel", "language", "line"],
                   training=training)
seconds = time.perf_counter() - start[0], time.process_time() - start[1]
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("\n" + json.dumps([*seconds, peak / 1024, queue.n_rows, queue.n_texts, len(queue.cases), queue.n_audit,
                         [[one.reason, one.n_rows, one.n_cases] for one in queue.reasons]]))
"""


def vocabulary(rng: np.random.Generator) -> np.ndarray:
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
    return np.array(["".join(rng.choice(syllables, size)) for size in rng.integers(1, 5, WORDS)], dtype=object)


def texts(rng: np.random.Generator, known: np.ndarray, n: int) -> np.ndarray:
    """Return texts of about 15 words by Zipf's law, one in a hundred of them misspelt as nobody else does."""
    size = rng.poisson(MEAN_WORDS, n).clip(1)
    places = rng.zipf(1.15, size.sum()) - 1
    words = known[np.where(places < WORDS, places, rng.integers(0, WORDS, len(places)))]
    wrong = np.flatnonzero(rng.random(len(words)) < TYPOS)
    words[wrong] = [f"{words[place]}{place:x}" for place in wrong]
    ends = np.cumsum(size)
    return np.array(
        [" ".join(words[e - s : e]) for s, e in zip(size.tolist(), ends.tolist(), strict=True)], dtype=object
    )


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write the log and the training texts."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("collect")
    known = vocabulary(rng)
    once = texts(rng, known, int(ROWS * (1 - DUPLICATES)))
    again = once[rng.zipf(1.3, ROWS - len(once)) % len(once)]
    scores = rng.dirichlet([0.6] * 3, ROWS)
    prediction, other = LABELS[scores.argmax(1)], LABELS[rng.integers(0, 3, ROWS)]
    log = pd.DataFrame({"text": np.concatenate([once, again]), "prediction": prediction})
    log["challenger"] = np.where(rng.random(ROWS) < 0.05, other, prediction)
    log["label"] = np.where(rng.random(ROWS) < 0.05, other, None)
    for place, label in enumerate(LABELS):
        log[f"score.{label}"] = scores[:, place]
    for name, size in (("channel", 3), ("language", 4), ("line", 12)):
        log[name] = np.array([f"{name} {i}" for i in range(size)], dtype=object)[rng.integers(0, size, ROWS)]
    log.sample(frac=1, random_state=0).to_parquet(folder / "log.parquet", index=False)
    pd.DataFrame({"text": texts(rng, known, N_TRAINING)}).to_parquet(folder / "training.parquet")
    return folder / "log.parquet", folder / "training.parquet"


def test_a_million_rows_are_collected_from_within_a_minute_and_2_gb(parquet: tuple[Path, Path]) -> None:
    command = [sys.executable, "-c", PROGRAM, *map(str, parquet)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    elapsed, cpu, peak, n_rows, n_texts, n_cases, n_audit, reasons = json.loads(done.stdout.splitlines()[-1])
    print(f"\n{n_rows:,} rows, {n_texts:,} texts: {elapsed:.1f} s ({cpu:.1f} s of CPU), peak {peak:,.0f} MB")
    for reason, n_holding, n_chosen in reasons:
        print(f"{reason:15} {n_holding:9,} rows {n_chosen:4} cases")
    assert (n_rows, n_cases) == (ROWS, 200)
    assert 0 < n_audit <= 40
    assert cpu < LIMIT_S
    assert peak < LIMIT_MB
