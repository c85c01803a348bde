"""Ids, names and links that point out of their place are refused, or name nothing; nothing is written elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.core.collecting.queue_files import write_queue
from mlflow_evalplus.core.training_data.files import VERSIONS, digest_of
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.errors import DataError, EvalPlusError
from mlflow_evalplus.tracking import spool
from recipes.data.sources import load
from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.core.collecting.queues import small

cli, answers = test_commands.cli, test_commands.answers
OUT = ("../../secret", "..\\..\\secret", "/etc/passwd", "%2e%2e%2fsecret", "a/../../secret", "x\x00y", "..", ".")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix not in (".db-wal", ".db-shm")}


@pytest.mark.parametrize("name", OUT)
def test_a_run_that_is_a_path_names_nothing(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("of somebody else")
    before = files(tmp_path)
    with pytest.raises(EvalPlusError):
        ep.load(name)
    for command in (
        ["gate", name],
        ["compare", name, name],
        ["rules", name, "none.yaml"],
        ["resume", "--discard", name],
    ):
        ended = cli(*command)
        assert ended.code in (1, 2)
        assert "of somebody else" not in ended.out + ended.err
    for uri in (f"runs:/{name}/rows.csv", f"runs:/0123456789abcdef0123456789abcdef/{name}", f"run:{name}"):
        with pytest.raises(EvalPlusError):
            load(uri)
    assert files(tmp_path) == before


@pytest.mark.slow
def test_names_of_the_data_are_in_no_name_of_a_file(cli: Cli, tmp_path: Path, frame: pd.DataFrame) -> None:
    """Labels, slices, columns and the run are paths; the artifacts are called as in any other run."""
    found = []
    for number, word in enumerate(("plain", "../../../../owned", "/tmp/owned")):
        spoilt = frame.assign(
            label=word + frame["label"], prediction=word + frame["prediction"], channel=word + frame["channel"]
        )
        spoilt.rename(columns={"channel": f"{word}/channel"}).to_csv(f"{number}.csv", index=False)
        options = ("--slices", f"{word}/channel", "--run-name", f"{word}/run")
        before = files(tmp_path)
        assert cli("evaluate", "--predictions", f"{number}.csv", *options).code == 0
        made = files(tmp_path) - before
        found.append(sorted(path.partition("/artifacts/")[2] for path in made if "/artifacts/" in path))
        assert all(path.startswith("work/") for path in made)
    assert found[0]
    assert found[0] == found[1] == found[2]


def test_a_version_that_names_a_file_of_others_is_refused(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    TrainingData.create(tmp_path / "data", rows, text="text", label="label", source="by hand")
    path = tmp_path / "data" / VERSIONS
    line = json.loads(path.read_text().splitlines()[0])
    line["files"] = {"../secret.jsonl": next(iter(line["files"].values()))}
    line["digest"] = digest_of(line)
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(DataError, match="names files that are not its own"):
        TrainingData.open(tmp_path / "data")


def test_links_in_a_queue_s_folder_or_the_spool_lead_nowhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "delivery.json").write_text('{"version": 1}')
    place = tmp_path / "spool"
    place.mkdir()
    (place / "20260101T000000.000000-0000aa").symlink_to(elsewhere)
    assert spool.parcels(place) == []
    queue = tmp_path / "queue"
    queue.mkdir()
    (queue / "queue.csv").symlink_to(elsewhere / "mine.csv")
    with pytest.raises(DataError):
        write_queue(small(), queue)
    assert not (elsewhere / "mine.csv").exists()
    write_queue(small(), queue, force=True)
    assert not (elsewhere / "mine.csv").exists()
