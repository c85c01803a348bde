"""How fast a transformer is fine-tuned and answers, beside what the device could do, and with how many threads."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlflow_evalplus.tracking import machine
from recipes.classifiers import checkpoint, embedding, serving, transformer
from recipes.classifiers.job import Job
from tests.conftest import REAL_DATA

pytestmark = pytest.mark.benchmark

TRAIN_ROWS, TEST_ROWS = 640, 1280
LAYERS, WIDTH = 6, 384  # of MiniLM


def sentences(n: int) -> list[str]:
    """Return sentences of reviews; without the data, words of about their number."""
    path = REAL_DATA / "dynasent" / "examples.csv"
    if path.is_file():
        return pd.read_csv(path)["text"].head(n).tolist()
    rng = np.random.default_rng(0)
    words = ["food", "was", "good", "but", "we", "waited", "long", "for", "it", "and", "nobody", "came"]
    return [" ".join(rng.choice(words, rng.integers(4, 24))) for _ in range(n)]


def flops(tokens: list[int]) -> float:
    """Return the multiplications and additions of a forward pass: of the layers' weights and of attention."""
    lengths = np.array(tokens, dtype=float)
    return float(LAYERS * (2 * 12 * WIDTH**2 * lengths + 4 * WIDTH * lengths**2).sum())


def limit() -> float:
    """Return the FLOP/s of a large matrix product in the precision that is used: the most that there is to get."""
    import torch

    cuda = torch.cuda.is_available()
    n, kind = (8192, torch.bfloat16) if cuda else (1024, torch.float32)
    left = torch.randn(n, n, dtype=kind, device="cuda" if cuda else "cpu")
    best = float("inf")
    for _ in range(12):
        begin = time.perf_counter()
        left @ left
        if cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - begin)
    return 2 * n**3 / best


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def test_rows_per_second_of_training_and_answering(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip(checkpoint.MODULE)
    cuda = torch.cuda.is_available()
    texts = sentences(TEST_ROWS)
    labels = [("negative", "neutral", "positive")[i % 3] for i in range(TRAIN_ROWS)]
    print(f"\n{machine.hardware()}; torch {torch.__version__}, {'bf16' if cuda else 'float32'}")
    print("| | threads | rows per s | GFLOP/s | of the matrix product's |\n|---|--:|--:|--:|--:|")
    for threads in (1,) if cuda else range(1, (os.cpu_count() or 1) + 1):
        before = machine.usage()
        folder = tmp_path / str(threads)
        folder.mkdir()
        settings = {"epochs": 1, "threads": threads, "save_s": 1e9}
        job = Job(texts[:TRAIN_ROWS], labels, folder, folder, folder / "work", settings=settings)
        train_s = seconds(lambda job=job: transformer.fit(job))
        model = serving.load(folder)
        model.network.threads = threads
        torch.set_num_threads(threads)
        model.scores(texts[:64])
        predict_s = min(seconds(lambda model=model: model.scores(texts)) for _ in range(2))
        most = limit()
        tokens = [len(row) for row in model.network.tokenizer(texts)["input_ids"]]
        for what, rows, took, work in (
            ("fine-tuning", TRAIN_ROWS, train_s, 3 * flops(tokens[:TRAIN_ROWS])),
            ("answering", TEST_ROWS, predict_s, flops(tokens)),
        ):
            print(f"| {what} | {threads} | {rows / took:,.0f} | {work / took / 1e9:,.1f} | {work / took / most:.0%} |")
        others = machine.other_load(before, machine.usage())
        told = "not known" if others is None else f"{others:.0%}"
        print(f"| matrix product | {threads} | | {most / 1e9:,.1f} | others used {told} of the machine |")
    assert predict_s > 0


def test_an_embedding_takes_a_part_of_the_time(tmp_path: Path) -> None:
    pytest.importorskip(checkpoint.MODULE)
    texts = sentences(TRAIN_ROWS)
    labels = [("negative", "neutral", "positive")[i % 3] for i in range(TRAIN_ROWS)]
    took = {}
    for name, fit in (("embedding", embedding.fit), ("transformer", transformer.fit)):
        folder = tmp_path / name
        folder.mkdir()
        job = Job(texts, labels, folder, folder, tmp_path / f"{name}_work")
        took[name] = seconds(lambda job=job, fit=fit: fit(job))
    print(f"\n{TRAIN_ROWS} rows: embedding {took['embedding']:.1f} s, transformer {took['transformer']:.1f} s")
    assert took["embedding"] < took["transformer"]


def test_two_threads_beside_a_busy_process(tmp_path: Path) -> None:
    """Why threads are counted by free cores: the same training with one and two, alone and beside others."""
    torch = pytest.importorskip("torch")
    pytest.importorskip(checkpoint.MODULE)
    import multiprocessing

    if torch.cuda.is_available() or os.cpu_count() != 2:
        pytest.skip("tells about two cores without a GPU")
    texts = sentences(TRAIN_ROWS)[:320]
    labels = [("negative", "neutral", "positive")[i % 3] for i in range(320)]
    rates: dict[tuple[int, int], float] = {}
    for busy in (0, 1):
        others = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(busy)]
        for other in others:
            other.start()
        for threads in (1, 2):
            folder = tmp_path / f"{busy}_{threads}"
            folder.mkdir()
            settings = {"epochs": 1, "threads": threads, "save_s": 1e9}
            job = Job(texts, labels, folder, folder, folder / "work", settings=settings)
            rates[busy, threads] = 320 / seconds(lambda job=job: transformer.fit(job))
            print(f"\n{busy} busy processes beside it, {threads} threads: {rates[busy, threads]:.0f} rows per s")
        for other in others:
            other.terminate()
    assert rates[1, 1] > 0.8 * rates[1, 2]


def _spin() -> None:
    while True:
        pass
