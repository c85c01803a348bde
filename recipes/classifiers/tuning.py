"""Settings of transformers and embeddings: what can be set, and the defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from mlflow_evalplus.errors import DataError, did_you_mean

STEPS = 300  # a network that begins with a new classifier needs some hundred, however few the rows are
# Where and when, not what comes out. Of `threads` the last bits depend, so a training goes on with those it began with.
OF_THE_MOMENT = ("threads", "save_s")
LARGEST = 2**53  # beyond it not every whole number is a float; neither infinity nor nan is below
FROZEN = ("", "embeddings", "encoder")


@dataclass(frozen=True)
class Settings:
    """How a checkpoint is fine-tuned; of these an embedding reads ``max_length`` and ``threads``.

    Attributes
    ----------
    epochs : int
        At most this many passes over the rows; 0 for as many as make 300 steps, at least 3 and at most 12.
    learning_rate : float
        Its highest: it rises over the first tenth of the steps and then falls to 0 along a line.
    batch_size : int
        Rows of a step on each device.
    accumulation : int
        Batches whose gradients are added up before a step.
    max_length : int
        Tokens of a text; what is beyond is cut off.
    patience : int
        Epochs without a better macro F1 of the held-out rows after which it ends.
    class_weights : bool
        Whether a rare label weighs as much in the loss as a frequent one.
    freeze : str
        What is not trained: ``embeddings`` (those of the words), ``encoder`` (all but the classifier) or nothing.
    weight_decay : float
    threads : int
        Of the CPU; 0 for one on each core that nobody else uses.
    processes : int
        0 for one on each GPU; without a GPU 1.
    save_s : float
        Seconds between checkpoints; there is one after each epoch besides.
    """

    epochs: int = 0
    learning_rate: float = 1e-4
    batch_size: int = 32
    accumulation: int = 1
    max_length: int = 128
    patience: int = 2
    class_weights: bool = True
    freeze: str = "embeddings"
    weight_decay: float = 0.01
    threads: int = 0
    processes: int = 0
    save_s: float = 120.0

    def with_epochs(self, n_rows: int) -> Settings:
        """Return the settings with the epochs that are meant for so many rows: few rows need more passes.

        Examples
        --------
        >>> [Settings().with_epochs(n).epochs for n in (200, 1_200, 3_000, 100_000)]
        [12, 9, 4, 3]
        """
        if self.epochs:
            return self
        steps = max(1, n_rows // (self.batch_size * self.accumulation))
        return replace(self, epochs=min(max(math.ceil(STEPS / steps), 3), 12))


LEAST: dict[str, float] = {
    "epochs": 0, "threads": 0, "processes": 0, "weight_decay": 0.0, "save_s": 0.0, "max_length": 4,
}  # fmt: skip


def settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings with what was given in place of the defaults.

    Raises
    ------
    DataError
        A name is not known, or a value is not of its kind or out of its range.

    Examples
    --------
    >>> settings({"epochs": 5, "learning_rate": 3e-5}).epochs
    5
    """
    known = {field.name: field.default for field in fields(Settings)}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise DataError(f"unknown setting {name!r}; settings are {list(known)}.{did_you_mean(name, known)}")
        found[name] = _value(name, value, known[name])
    return Settings(**found)


def _value(name: str, value: object, default: object) -> object:
    """Return a value as its default's kind."""
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        raise DataError(f"setting {name!r} is true or false, not {value!r}")
    if isinstance(default, str):
        if value in FROZEN or value in ("none", "nothing"):
            return value if value in FROZEN else ""
        raise DataError(f"setting {name!r} is 'embeddings', 'encoder' or 'none', not {value!r}")
    whole = isinstance(default, int)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
    if not isinstance(value, (int, float)) or not number or (whole and value % 1):
        raise DataError(f"setting {name!r} is a {'whole ' if whole else ''}number, not {value!r}")
    least = LEAST.get(name, 1 if whole else 0.0)
    above = name == "learning_rate"
    if value < least or (above and value == 0):
        raise DataError(f"setting {name!r} is {'above' if above else 'at least'} {least:g}, not {value!r}")
    return type(default)(value)  # type: ignore[call-arg]
