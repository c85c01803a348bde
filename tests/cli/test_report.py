"""`evaluate --output` writes the report that a run would carry."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from click.testing import CliRunner

import mlflow_evalplus as ep
from mlflow_evalplus.cli import group


def test_evaluate_writes_the_report_of_a_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "answers.csv", index=False)
    arguments = ["--predictions", str(tmp_path / "answers.csv"), "--slices", "channel", "--no-log"]
    target = tmp_path / "report.html"
    run = CliRunner().invoke(group, ["evaluate", *arguments, "--output", str(target), "--run-name", "a <run>"])
    assert run.exit_code == 0, run.output
    assert target.read_text(encoding="utf-8") == ep.report(ep.evaluate(frame, slices=["channel"]), "a <run>")


def test_a_folder_that_is_not_there_is_said(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "answers.csv", index=False)
    arguments = [
        "--predictions",
        str(tmp_path / "answers.csv"),
        "--no-log",
        "--output",
        str(tmp_path / "no" / "r.html"),
    ]
    run = CliRunner().invoke(group, ["evaluate", *arguments])
    assert run.exit_code == 1
    assert "cannot write" in str(run.exception)
