from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner

from mlflow_evalplus.cli.doctor import command as doctor
from mlflow_evalplus.cli.resume import command
from mlflow_evalplus.tracking import writer
from mlflow_evalplus.tracking.delivery import Delivery
from mlflow_evalplus.tracking.destination import destination
from mlflow_evalplus.tracking.items import Page
from mlflow_evalplus.tracking.spool import FOLDER, NotLogged
from tests.tracking.test_spool import refusing_artifacts


def test_the_command_lists_logs_discards_and_says_what_is_left(store: str) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(command, arguments)
        return done.exit_code, done.output

    assert call() == call("--list") == (0, "Nothing is kept.\n")
    with mlflow.start_run() as run, refusing_artifacts(run):
        for number in range(2):
            with pytest.raises(NotLogged):
                writer.send(destination(), Delivery([Page(f"{number}.md", "text")]))
        code, said = call()
        assert code == 1
        assert said.count("waiting") == 3
        assert "2 left." in said
    ids = [one["id"] for one in json.loads(call("--list", "--json")[1])["parcels"]]
    assert f"2 in {Path(FOLDER).absolute()}" in CliRunner().invoke(doctor).output
    assert call("--discard", ids[0], "--spool", FOLDER)[0] == 0
    code, said = call("--json")
    assert code == 0
    assert [one["state"] for one in json.loads(said)["parcels"]] == ["delivered"]
    assert [file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)] == ["1.md"]
    assert "kept" not in CliRunner().invoke(doctor).output
