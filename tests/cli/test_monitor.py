"""`mlflow-evalplus monitor`: what it reads, prints, logs and refuses, and with which exit code it ends."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.cli import group
from mlflow_evalplus.cli import monitor as command
from mlflow_evalplus.cli.options import EXIT_CODES
from mlflow_evalplus.core.monitoring import monitor as core
from mlflow_evalplus.errors import TrackingError
from mlflow_evalplus.results import Monitoring, Outcome
from mlflow_evalplus.tracking import monitoring
from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.render import monitored
from tests.test_ci_docs import commands

cli = test_commands.cli
QUIET = ("--time", "month", "--no-log")


def rows(accuracy: dict[str, float], n: int = 200) -> pd.DataFrame:
    """Return a log in which so many of each month's answers are right."""
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame({"month": month, "label": rng.choice(["no", "yes"], n), "right": np.arange(n) < share * n})
        for month, share in accuracy.items()
    ]
    log = pd.concat(parts, ignore_index=True)
    log["prediction"] = np.where(log["right"], log["label"], log["label"].map({"no": "yes", "yes": "no"}))
    log["channel"] = rng.choice(["app", "web"], len(log))
    log["score.yes"] = np.where(log["prediction"] == "yes", 0.9, 0.1)
    return log.drop(columns="right")


@pytest.fixture
def log(store: str) -> pd.DataFrame:
    """Write log.csv, in which the third month is worse, into the working folder."""
    frame = rows({"2025-01": 0.9, "2025-02": 0.9, "2025-03": 0.7})
    frame.to_csv("log.csv", index=False)
    return frame


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Put the log made by hand in the place of what is found; return the arguments of each call."""
    calls: list[dict[str, Any]] = []

    def monitor(frame: pd.DataFrame, **given: Any) -> Monitoring:
        calls.append({"rows": frame, **given})
        return monitored.monitoring()

    monkeypatch.setattr(core, "monitor", monitor)
    return calls


def test_a_worse_month_is_printed_logged_and_ends_with_3(cli: Cli, log: pd.DataFrame) -> None:
    ended = cli("monitor", "log.csv", "--time", "month", "--slices", "channel", "--run-name", "watched <b>",
                "--experiment", "production", "--output", "page.html")  # fmt: skip
    assert ended.code == 3
    assert "2025-03 raises 1 alert: accuracy. Accuracy 0.700" in ended.out
    assert "mlflow-evalplus collect LOG" in ended.out
    (run,) = mlflow.search_runs(experiment_names=["production"], output_format="list")
    assert f"Logged as run {run.info.run_id}." in ended.out
    assert (run.info.run_name, run.data.tags[names.TAG_KIND]) == ("watched <b>", "monitor")
    assert run.data.metrics["monitor/accuracy"] == pytest.approx(0.7)
    assert "2025-03</bdi> raises 1 alert" in Path("page.html").read_text(encoding="utf-8")


def test_json_is_what_the_python_function_finds(cli: Cli, log: pd.DataFrame) -> None:
    ended = cli("monitor", "log.csv", *QUIET, "--slices", "channel", "--reference", "2", "--json")
    expected = ep.monitor(
        log, time="month", slices=["channel"], reference=2, scores={"yes": "score.yes"}
    )  # fmt: skip
    assert (ended.code, ended.json["outcome"], ended.json["run_id"], ended.json["error"]) == (3, "fail", None, None)
    (window,) = ended.json["windows"]
    assert window["metrics"]["accuracy"]["lower"] == expected.last.metrics["accuracy"].lower
    assert window["drop"]["value"] == expected.last.drop.value  # type: ignore[union-attr]
    assert ended.json["sentence"].startswith("2025-03 raises 1 alert")
    assert mlflow.search_runs(search_all_experiments=True, output_format="list") == []


def test_the_exit_code_is_that_of_the_newest_window_or_of_any(cli: Cli, found: list[dict[str, Any]], log: object,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    fine, worst = monitored.window(0), monitored.window(5)
    undecided = replace(fine, alerts=(replace(fine.alerts[0], outcome=Outcome.UNDECIDED),))
    for windows, newest, of_any in (
        ([fine, fine], 0, 0), ([worst, fine], 0, 3), ([undecided, fine], 0, 4), ([fine, undecided], 4, 4),
        ([worst, undecided], 4, 3), ([fine, worst], 3, 3),
    ):  # fmt: skip
        whole = replace(monitored.monitoring(), windows=tuple(windows))
        monkeypatch.setattr(core, "monitor", lambda *_, whole=whole, **__: whole)
        assert cli("monitor", "log.csv", "--no-log").code == newest
        assert cli("monitor", "log.csv", "--no-log", "--all").code == of_any


def test_several_files_are_one_log_and_columns_that_one_lacks_are_named(
    cli: Cli, found: list[dict[str, Any]], log: pd.DataFrame
) -> None:
    log[:300].drop(columns="label").to_csv("a.csv", index=False)
    log[300:].to_parquet("b.parquet", index=False)
    ended = cli("monitor", "a.csv", "b.parquet", "--no-log", "--window", "500", "--audit", "drawn", "--weight", "w")
    assert "a.csv has no column 'label'; there it is taken as empty." in ended.err
    (call,) = found
    assert list(call["rows"]["prediction"]) == list(log["prediction"])
    assert call["rows"]["label"].isna().sum() == 300
    assert call["rows"].index.is_unique
    given = {name: call[name] for name in ("window", "audit", "weight", "scores", "prediction", "reference")}
    assert given == {
        "window": 500, "audit": "drawn", "weight": "w", "scores": {"yes": "score.yes"}, "prediction": "prediction",
        "reference": None,
    }  # fmt: skip
    assert not {"time", "slices", "label"} & set(call)


def test_the_reference_is_a_file_a_run_or_the_first_windows(
    cli: Cli, found: list[dict[str, Any]], log: pd.DataFrame
) -> None:
    with mlflow.start_run(run_name="champion"):
        ep.log(ep.evaluate(log))
    for given in ("log.csv", "champion", "2"):
        cli("monitor", "log.csv", "--no-log", "--reference", given)
    file, run, first = (call["reference"] for call in found)
    pd.testing.assert_frame_equal(file, pd.read_csv("log.csv"))
    assert (run.n, run.predictions.table.num_rows) == (len(log), len(log))
    assert first == 2


def test_an_error_after_an_alert_does_not_hide_it(
    cli: Cli, found: list[dict[str, Any]], log: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise TrackingError("MLflow does not answer")

    monkeypatch.setattr(monitoring, "log_as_run", fails)
    ended = cli("monitor", "log.csv")
    assert (ended.code, ended.error) == (3, "Error: MLflow does not answer")
    assert "raises 2 alerts" in ended.out
    as_json = cli("monitor", "log.csv", "--json")
    assert (as_json.code, as_json.json["error"], as_json.json["outcome"]) == (3, "MLflow does not answer", "fail")
    monkeypatch.setattr(core, "monitor", lambda *_, **__: monitored.monitoring(3))
    fine = cli("monitor", "log.csv")
    assert (fine.code, fine.error) == (1, "Error: MLflow does not answer")


def test_requirements_ask_and_decide(cli: Cli, log: pd.DataFrame) -> None:
    asked = {"monitor": {"time": "month", "alpha": 0, "alerts": [{"metric": "accuracy", "min": 0.7}]}}
    Path("asked.yaml").write_text(yaml.safe_dump(asked), encoding="utf-8")
    ended = cli("monitor", "log.csv", "--requirements", "asked.yaml", "--no-log", "--output", "page.md")
    assert ended.code == 4
    assert "? undecided accuracy at least 0.7" in ended.out
    assert Path("page.md").read_text(encoding="utf-8").startswith("## ? undecided\n")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("lig.csv",), "there is no file 'lig.csv'. Did you mean 'log.csv'?"),
        (("log.csv", "--time", "mnth"), "Did you mean 'month'?"),
        (("log.csv", "--time", "month", "--window", "wek"), "Did you mean 'week'?"),
        (("log.csv", "--time", "month", "--slices", "chanel"), "Did you mean 'channel'?"),
        (("log.csv", "--reference", "nobody"), "no evaluated run"),
        (("log.csv", "--reference", "ref.csv"), "there is no file 'ref.csv'"),
        (("log.csv", "--requirements", "none.yaml"), "none.yaml"),
        (("log.csv", "--output", "nowhere/page.html"), "there is no folder"),
        (("log.csv", "--output", "page.pdf"), "cannot write 'page.pdf': the page is HTML or Markdown"),
        (("log.csv",), "name it with 'time' (--time)"),
        (("log.csv", "--window", "1000"), "Give 'reference' (--reference)"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_1(
    cli: Cli, log: pd.DataFrame, given: tuple[str, ...], message: str
) -> None:
    ended = cli("monitor", *given, "--no-log")
    assert ended.code == 1
    assert message in ended.error


def test_the_worst_outcome_ranks_first() -> None:
    assert set(command.RANK) == {outcome.value for outcome in Outcome}


def test_every_command_of_the_documentation_exists_and_its_exit_codes_are_ours() -> None:
    page = (Path(__file__).parents[2] / "docs" / "monitor.md").read_text(encoding="utf-8")
    found = commands(page)
    assert len([name for name, *_ in found if name == "monitor"]) >= 3
    for name, *words in found:
        known = group.get_command(None, name)  # type: ignore[arg-type]
        assert known is not None, name
        known.make_context(name, words)  # raises where click would refuse it
    said = dict(re.findall(r"^\| (\d) \| (no alert|an alert|a gate)", page, re.M))
    assert said == {"0": "no alert", "3": "an alert", "4": "a gate"}
    assert EXIT_CODES == {"pass": 0, "fail": 3, "undecided": 4}
