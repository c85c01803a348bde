from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.columns import bin_names, slice_values
from mlflow_evalplus.core.monitoring.bins import cut_at, edges_of


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-1e9, 1e9), min_size=25, max_size=60, unique=True))
def test_numbers_fall_again_into_the_bins_that_they_were_cut_into(numbers: list[float]) -> None:
    column = pa.chunked_array([numbers])
    cut = slice_values(column, "x").cast(pa.string()).to_pylist()
    edges = edges_of(sorted(set(cut)))
    assert edges is not None
    assert cut_at(column, edges).to_pylist() == cut


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.4g}")), min_size=1, max_size=3, unique=True))
def test_the_names_of_bins_tell_their_edges(edges: list[float]) -> None:
    assert edges_of(bin_names(sorted(edges))) == [float(f"{edge:g}") for edge in sorted(edges)]


def test_other_values_are_no_bins() -> None:
    assert edges_of(["1 to 2", "app"]) is None
    assert edges_of([]) is None
    assert edges_of(["up to date"]) is None
    assert np.isfinite(edges_of(["up to -1e-05"])).all()  # type: ignore[arg-type]
