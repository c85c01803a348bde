"""A column of outcomes or ratings, numbers or words such as yes and no, → numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import FloatArray, strings
from mlflow_evalplus.errors import DataError, shorten

WORDS = {
    **dict.fromkeys(("yes", "y", "true", "pass", "passed", "good", "up"), 1.0),
    **dict.fromkeys(("no", "n", "false", "fail", "failed", "bad", "down"), 0.0),
}
GREATEST = 1e60  # a variance is squared once more


def as_numbers(values: pa.ChunkedArray, source: str, scale: Sequence[Any] | None = None) -> FloatArray:
    """Return each row's number, nan where it is missing.

    Numbers are themselves; yes, true, pass, good and up are 1 and their opposites 0, in capitals or not; words of a
    `scale`, given from the worst to the best, are 1, 2, 3 ….

    Raises
    ------
    DataError
        A value is neither, is not finite, or is not on the scale.

    Examples
    --------
    >>> as_numbers(pa.chunked_array([["yes", "No", None]]), "resolved").tolist()
    [1.0, 0.0, nan]
    >>> as_numbers(pa.chunked_array([["ok", "bad"]]), "rating", scale=["bad", "ok", "good"]).tolist()
    [2.0, 1.0]
    """
    if pa.types.is_temporal(values.type):
        raise DataError(f"column {source!r} holds {values.type}; give numbers, or yes and no")
    encoded = strings(values).dictionary_encode().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    known: list[str] = encoded.dictionary.to_pylist()
    table = np.array([*_meanings(known, source, scale), np.nan])
    if np.nanmax(np.abs(table), initial=0) > GREATEST:
        raise DataError(f"column {source!r} holds a number beyond ±{GREATEST:g}, with which no variance can be "
                        "computed; give another unit")  # fmt: skip
    return np.asarray(table[encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)])


def scale_points(scale: Sequence[Any]) -> dict[str, float]:
    """Return each permitted rating → its number: numbers as they are, words by their place from 1 on.

    Raises
    ------
    DataError
        Fewer than two ratings, one of them twice, or numbers that do not rise.

    Examples
    --------
    >>> scale_points(["bad", "ok", "good"]), scale_points([1, 2.5])
    ({'bad': 1.0, 'ok': 2.0, 'good': 3.0}, {'1': 1.0, '2.5': 2.5})
    """
    if isinstance(scale, str) or len(scale) < 2:
        raise DataError(f"scale must list the permitted ratings, from the worst to the best, got {scale!r}")
    numbers = [_number(str(point)) for point in scale]
    if any(np.isnan(numbers)):
        numbers = [float(place) for place in range(1, len(scale) + 1)]
        points = {str(point).strip().lower(): number for point, number in zip(scale, numbers, strict=True)}
    else:
        points = {f"{number:g}": number for number in numbers}
    if len(points) < len(scale) or sorted(numbers) != numbers:
        raise DataError(f"scale must list different ratings, from the worst to the best, got {shorten(scale)}")
    return points


def is_binary(numbers: FloatArray) -> bool:
    """Whether all numbers that are not missing are 0 or 1, and there is one."""
    known = numbers[~np.isnan(numbers)]
    return bool(len(known) and ((known == 0) | (known == 1)).all())


def _meanings(known: Sequence[str], source: str, scale: Sequence[Any] | None) -> list[float]:
    numbers = [_number(word) for word in known]
    points = scale_points(scale) if scale is not None else {}
    if scale is None:
        points = WORDS if any(np.isnan(numbers)) else {}
        numbers = [_in(points, word) if points else number for word, number in zip(known, numbers, strict=True)]
    else:
        numbers = [_in(points, word if np.isnan(n) else f"{n:g}") for word, n in zip(known, numbers, strict=True)]
    strange = [word for word, number in zip(known, numbers, strict=True) if not np.isfinite(number)]
    if strange:
        wanted = f"ratings of the scale {shorten(points)}" if scale is not None else "finite numbers, or yes and no"
        hint = "" if scale is not None else "; other words need an order: name them by hand as numbers, or as a scale"
        raise DataError(f"column {source!r} must hold {wanted}, but holds {_short(strange)}{hint}")
    return numbers


def _short(words: Sequence[str]) -> str:
    return shorten([word if len(word) <= 40 else f"{word[:40]}…" for word in words], limit=5)


def _in(points: Mapping[str, float], word: str) -> float:
    return points.get(word.strip().lower(), float("nan"))


def _number(word: str) -> float:
    try:
        return float(word) if word.strip().lower() not in ("nan", "+nan", "-nan") else float("nan")
    except ValueError:
        return float("nan")
