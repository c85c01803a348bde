"""What libraries raise over files of a model, as one sentence: those of a checkpoint, and those of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow_evalplus.errors import DataError

LEAST_TOKENS = 10  # besides special ones; without its files a tokenizer is made with at most a few


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Turn whatever a library raises over files that it cannot use into a `DataError` that begins with `what`."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # tokenizers raises Exception itself
        raise DataError(f"{what}: {_reason(error)}") from error


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what a full disk raises, in Python, safetensors or torch, into a `DataError`."""
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) or type(error).__name__ == "SafetensorError"
        if not full and "PytorchStreamWriter" not in str(error) and "inline_container" not in str(error):
            raise
        raise DataError(f"the files of a training cannot be written in {folder}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"


def check_tokenizer(tokenizer: Any, name: str) -> None:
    """Refuse a tokenizer that knows no words, or has no token to pad with.

    Raises
    ------
    DataError
        Transformers makes an empty tokenizer where its files are missing, and every text would be ``[UNK]``.
    """
    known = len(tokenizer) - len(set(tokenizer.all_special_ids))
    if known < LEAST_TOKENS:
        raise DataError(f"the tokenizer of the checkpoint {name} has {known} tokens besides special ones: its files "
                        "are damaged or not all there; name a complete checkpoint")  # fmt: skip
    if tokenizer.pad_token is None and tokenizer.eos_token is None:
        raise DataError(f"the tokenizer of the checkpoint {name} has no token to pad with")
