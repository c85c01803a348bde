"""What a classifier is trained on and where to: the same for every kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODEL_FILE = "model.json"  # of a fitted model's folder: its kind, its labels, and what else serving.py reads


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Job:
    """One classifier to be trained.

    Attributes
    ----------
    texts, labels : list of str
        The rows that it learns from.
    folder : Path
        The fitted model is written here; it exists and is empty.
    root : Path
        The folder of the whole model, of which `folder` may be a part: its ``encoders/`` are shared.
    work : Path
        For checkpoints: a training that was killed finds the same folder again.
    held_out_texts, held_out_labels : list of str
        Rows kept apart, to know when to stop; empty where there are too few.
    seed : int
    settings : dict
        Of the kind, such as ``{"epochs": 3}``.
    log : callable
        Takes the metrics of an epoch, and its number.
    say : callable
        Takes a line that tells how far the training is.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    folder: Path
    root: Path
    work: Path
    held_out_texts: Sequence[str] = ()
    held_out_labels: Sequence[str] = ()
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    log: Callable[[dict[str, float], int], None] = _nothing
    say: Callable[[str], None] = _nothing

    @property
    def classes(self) -> list[str]:
        """The labels that occur, sorted."""
        return sorted({*self.labels, *self.held_out_labels})


def write_model(folder: Path, kind: str, labels: Sequence[str], **more: Any) -> None:
    """Write what `serving.py` needs to load a fitted model from its folder."""
    content = {"kind": kind, "labels": list(labels), **more}
    (folder / MODEL_FILE).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
