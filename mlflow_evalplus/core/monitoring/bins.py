"""Numbers of a log cut where an earlier evaluation cut its own: at the edges that the names of its bins tell."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mlflow_evalplus.core.columns import bin_names

NUMBER = r"-?(?:\d[\d.e+-]*|inf)"
BIN = re.compile(rf"up to ({NUMBER})|above ({NUMBER})|({NUMBER}) to ({NUMBER})")


def edges_of(values: Sequence[str]) -> list[float] | None:
    """Return the edges between bins that are named as `bin_names` does; None where a value is no such name.

    Examples
    --------
    >>> edges_of(["up to 0", "0 to 12.35"]), edges_of(["app", "web"])
    ([0.0, 12.35], None)
    """
    found = [BIN.fullmatch(value) for value in values]
    if not found or not all(found):
        return None
    return sorted({float(edge) for match in found if match for edge in match.groups() if edge})


def cut_at(numbers: pa.ChunkedArray, edges: Sequence[float]) -> pa.ChunkedArray:
    """Return the name of the bin of each number; missing stays missing.

    Examples
    --------
    >>> cut_at(pa.chunked_array([[1.5, None, 0.0]]), [0.0]).to_pylist()
    ['above 0', None, 'up to 0']
    """
    values = np.asarray(numbers.cast(pa.float64(), safe=False).to_numpy())
    missing = np.isnan(values)
    places = np.where(missing, 0, np.searchsorted(edges, values))
    named = pa.array(bin_names(edges)).take(pa.array(places))
    return pa.chunked_array([pa.array(named.to_pylist(), mask=missing)])
