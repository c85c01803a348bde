"""A network so small that it learns in seconds, and rows that it can learn."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recipes.classifiers.job import Job

FILLERS = [f"word{i}" for i in range(20)]
# A label for each telling word; labels are data, and data are hostile.
TELLING = {"good": "positive", "bad": "<script>alert('1')</script>", "fair": '中性 😀 \0 \u202e"quoted"'}
LEARNS = {"epochs": 5, "learning_rate": 5e-3, "batch_size": 16, "freeze": "none", "threads": 1, "patience": 5}


def checkpoint(folder: Path) -> Path:
    """Write a BERT of two layers that knows the words of this file; its weights are random."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast
    from transformers.utils import logging

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, *TELLING]
    shape = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=66, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    logging.disable_progress_bar()
    BertTokenizerFast(vocab={word: i for i, word in enumerate(vocabulary)}).save_pretrained(folder)
    BertModel(shape).save_pretrained(folder)
    logging.enable_progress_bar()
    return folder


def rows(n: int, seed: int) -> tuple[list[str], list[str]]:
    """Return texts with one telling word among others, and their labels."""
    chance = random.Random(seed)
    words = [chance.choice(list(TELLING)) for _ in range(n)]
    texts = []
    for word in words:
        text = chance.choices(FILLERS, k=chance.randint(1, 5))
        text.insert(chance.randint(0, len(text)), word)
        texts.append(" ".join(text))
    return texts, [TELLING[word] for word in words]


def job(folder: Path, settings: Mapping[str, Any] | None = None, *, n: int = 240, **more: Any) -> Job:
    """Return a job on such rows; its model goes to ``model`` of a folder, its checkpoints to ``work``."""
    (folder / "model").mkdir(parents=True, exist_ok=True)
    texts, labels = rows(n, seed=1)
    held_out: tuple[Sequence[str], Sequence[str]] = rows(60, seed=2)
    return Job(
        texts, labels, folder / "model", folder / "model", folder / "work",
        **{"held_out_texts": held_out[0], "held_out_labels": held_out[1], "settings": {**LEARNS, **(settings or {})},
           **more},
    )  # fmt: skip
