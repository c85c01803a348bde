"""Same rows, seed and versions: same bytes, whatever process, folder, hash seed, time zone and threads.

What differs all the same is listed here and in docs/reproducibility.md.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlflow_evalplus import names
from tests.tracking.reproducing import TIMED

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RUNS = {"everything", TIMED, "first", "second", "comparison", "monitor", "queue", "adjudication", "selection", "small",
        "large", "tuned"}  # fmt: skip
# Measured times, and what repeats them: of a run whose model was timed.
MEASURED = {names.LATENCY_TABLE, names.COST_LATENCY_PAGE, names.COST_LATENCY_FIGURE, names.EVALUATION, names.REPORT,
            names.SUMMARY}  # fmt: skip
MEASURED_METRICS = ("latency_ms/", "throughput_per_s/", "resources/", "cost/")
# When each run began: of a comparison's page.
BEGAN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
# What names rows by their place or takes the first of many, in another order of the rows.
PLACES = {"examples", "fixed_examples", "broken_examples"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return what three processes wrote down: two of the same rows, one of the rows in another order."""
    folder = tmp_path_factory.mktemp("reproduced")
    started = {
        "one": _process(folder / "one", seed="1", threads="1", zone="UTC", words="C"),
        "two": _process(folder / "elsewhere" / "two", seed="2", threads="2", zone="Asia/Shanghai", words="C.UTF-8"),
        "shuffled": _process(folder / "shuffled", "shuffled", seed="1", threads="1", zone="UTC", words="C"),
    }
    for process, _ in started.values():
        output = process.communicate(timeout=500)[0]
        assert process.returncode == 0, output[-4000:]
    return {name: path for name, (_, path) in started.items()}


def _process(
    folder: Path, *more: str, seed: str, threads: str, zone: str, words: str
) -> tuple[subprocess.Popen[str], Path]:
    folder.mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment |= {
        "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
        "TZ": zone, "LC_ALL": words, "PYTHONUTF8": "1", "EVALPLUS_SPOOL": str(folder / "spool"),
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.tracking.reproducing", str(folder / "out"), *more]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return process, folder / "out"


def files(folder: Path) -> dict[tuple[str, str], bytes]:
    """Return (run, path) → content; the ids of the runs are replaced by their names."""
    known: dict[str, str] = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    found = {}
    for path in folder.glob("*/**/*"):
        if path.is_file():
            run, _, inside = path.relative_to(folder).as_posix().partition("/")
            content = path.read_bytes()
            for run_id, name in known.items():
                content = content.replace(run_id.encode(), name.encode()).replace(run_id[:8].encode(), name.encode())
            found[run, inside] = content
    return found


def held(folder: Path, run: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(files(folder)[run, "run.json"])
    return content


def test_two_processes_write_the_same_bytes(written: dict[str, Path]) -> None:
    one, two = files(written["one"]), files(written["two"])
    assert {run for run, _ in one} == RUNS
    assert sorted(one) == sorted(two)
    for key, content in one.items():
        run, path = key
        if path == "run.json" or (run == TIMED and path in MEASURED):
            continue
        if path == names.COMPARISON_REPORT:
            assert BEGAN.findall(content.decode())
            assert BEGAN.sub("", content.decode()) == BEGAN.sub("", two[key].decode())
        else:
            assert content == two[key], key


def test_two_processes_log_the_same_numbers_params_and_tags(written: dict[str, Path]) -> None:
    for run in RUNS:
        one, two = held(written["one"], run), held(written["two"], run)
        for kept in (one, two):
            for tag in (names.TAG_COMPARED, names.TAG_DELIVERY):  # a digest of the runs' ids; an id
                kept["tags"].pop(tag, None)
            if run == TIMED:
                kept["tags"].pop("mlflow.note.content")
                kept["metrics"] = {k: v for k, v in kept["metrics"].items() if not k.startswith(MEASURED_METRICS)}
        assert one == two, run


def test_another_order_of_the_rows_gives_the_same_numbers(written: dict[str, Path]) -> None:
    for run in RUNS:
        one, two = (held(written[which], run)["metrics"] for which in ("one", "shuffled"))
        if run == TIMED:
            one, two = ({k: v for k, v in m.items() if not k.startswith(MEASURED_METRICS)} for m in (one, two))
        assert two == pytest.approx(one, rel=1e-9, abs=1e-9), run


def test_another_order_of_the_rows_gives_the_same_tables(written: dict[str, Path]) -> None:
    shuffled = tables(written["shuffled"])
    compared = set()
    for (run, path), one in tables(written["one"]).items():
        two = shuffled[run, path]
        if run == TIMED and path in MEASURED:
            continue
        if path == names.BAD_CASES_TABLE:  # in the order of the rows
            one, two = (frame.sort_values("example_id", ignore_index=True) for frame in (one, two))
        if path == names.DATA_TABLE:  # drift of clustered rows is tested on one row of each cluster
            one, two = (frame[frame["key"] != "drift"] for frame in (one, two))
        same = [column for column in one.columns if column not in PLACES]
        pd.testing.assert_frame_equal(
            one[same], two[same], rtol=1e-9, atol=1e-9, check_dtype=False, obj=f"{run}/{path}"
        )
        compared.add(path)
    assert len(compared) > 15
    one, two = (
        pd.read_parquet(written[which] / "everything" / names.PREDICTIONS).sort_values("example_id", ignore_index=True)
        for which in ("one", "shuffled")
    )
    pd.testing.assert_frame_equal(one, two, check_categorical=False)


def tables(folder: Path) -> dict[tuple[str, str], pd.DataFrame]:
    """Return (run, path) → table of all that are logged as MLflow's tables."""
    known = {key: json.loads(content) for key, content in files(folder).items() if key[1].endswith(".json")}
    return {
        key: pd.DataFrame(content["data"], columns=content["columns"])
        for key, content in known.items()
        if {"columns", "data"} <= set(content)
    }
