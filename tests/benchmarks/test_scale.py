"""A hundred million rows from disk, counted where they are read: the time, and the peak of the memory.

``pytest -m benchmark -s tests/benchmarks/test_scale.py``; EVALPLUS_ROWS sets another number of rows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.benchmark
ROWS = int(float(os.environ.get("EVALPLUS_ROWS", "1e8")))
BLOCK = 1_000_000
SIZES = (2, 3, 4, 5, 8, 12)
LABELS = ("negative", "neutral", "positive")
WEAK = 7  # of the last slice column: 10 points worse
LIMIT_MB = 2_000
READERS = {
    "DuckDB": "import duckdb; frame = duckdb.read_parquet(path)",
    "Polars, streaming": "import polars; frame = polars.scan_parquet(path)",
}
PROGRAM = r"""\
import json, sys, time
path, slices = sys.argv[1], json.loads(sys.argv[2])
import mlflow_evalplus as ep
{reader}
start = time.perf_counter()
result = ep.evaluate(frame, slices=slices)
seconds = time.perf_counter() - start
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print("\n" + json.dumps([seconds, peak / 1024, result.n, result.metrics["accuracy"].value, len(result.slices.rows),
                  [row.name for row in result.slices.rows if row.weak], result.data_digest]))
"""


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Write the rows; return the file and how many of its predictions are right."""
    path = tmp_path_factory.mktemp("scale") / "rows.parquet"
    rng = np.random.default_rng(0)
    right, writer = 0, None
    for start in range(0, ROWS, BLOCK):
        n = min(BLOCK, ROWS - start)
        slices = [rng.integers(0, size, n, dtype=np.int8) for size in SIZES]
        label = rng.integers(0, 3, n, dtype=np.int8)
        hit = rng.random(n, dtype=np.float32) < np.where(slices[-1] == WEAK, 0.8, 0.9)
        prediction = np.where(hit, label, (label + 1 + rng.integers(0, 2, n, dtype=np.int8)) % 3)
        right += int((prediction == label).sum())
        columns = {"label": encoded(label, LABELS), "prediction": encoded(prediction, LABELS)}
        columns |= {
            f"slice_{size}": encoded(codes, tuple(f"value {i}" for i in range(size)))
            for size, codes in zip(SIZES, slices, strict=True)
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer
    writer.close()
    return path, right


def encoded(codes: np.ndarray, values: tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), list(values))


def test_rows_on_disk_are_evaluated_within_2_gb(parquet: tuple[Path, int]) -> None:
    path, right = parquet
    print(f"\n{ROWS:,} rows x {2 + len(SIZES)} columns of text, {path.stat().st_size / 1e6:,.0f} MB of Parquet")
    found = {}
    for engine, reader in READERS.items():
        command = [sys.executable, "-c", PROGRAM.format(reader=reader), path, json.dumps([f"slice_{s}" for s in SIZES])]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, peak, *found[engine] = json.loads(done.stdout.splitlines()[-1])
        print(f"{engine:20} {seconds:6.1f} s, peak {peak:5,.0f} MB, {found[engine][2]} slices")
        n, accuracy, _, weak, _ = found[engine]
        assert (n, accuracy) == (ROWS, pytest.approx(right / ROWS, abs=1e-12))
        assert f"slice_{SIZES[-1]}=value {WEAK}" in weak
        assert peak < LIMIT_MB
    assert found["DuckDB"] == found["Polars, streaming"]
