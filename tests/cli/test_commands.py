from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.entities import Run
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.cli import COMMANDS, main
from mlflow_evalplus.tracking import footprint, timing

SECRET = "s3cr3t"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one error line; a traceback or a second line fails the test."""
        assert "Traceback" not in self.out + self.err
        lines = [line for line in self.err.splitlines() if " INFO mlflow" not in line]
        assert lines[0].startswith("Error: "), self.err
        assert len(lines) == 1, self.err
        return lines[0]

    @property
    def json(self) -> Any:
        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.out, parse_constant=refuse)


Cli = Callable[..., Ended]


def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *begins: str) -> Cli:
    """Return what runs the installed program in this process; `begins` are the words that every call begins with."""

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["mlflow-evalplus", *begins, *arguments])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return Ended(int(code or 0), out, err)

    return call


@pytest.fixture
def cli(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return what runs a command as the installed program does, but in this process."""
    monkeypatch.setenv("MLFLOW_LOGGING_LEVEL", "WARNING")
    monkeypatch.delenv("COLUMNS", raising=False)

    return program(monkeypatch, capsys)


@pytest.fixture
def answers(store: str, frame: pd.DataFrame) -> Path:
    """Write the shared frame as CSV into the working folder."""
    frame.to_csv("answers.csv", index=False)
    return Path("answers.csv")


def runs() -> list[Run]:
    client = mlflow.MlflowClient()
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def gates(path: str, *minimums: float) -> str:
    content = {"slices": ["channel"], "thresholds": [{"metric": "accuracy", "min": m} for m in minimums]}
    Path(path).write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def logged(frame: pd.DataFrame, name: str, repaired: float = 0.0, series: str = "", **options: Any) -> str:
    wrong = np.flatnonzero(frame["label"] != frame["prediction"])
    prediction = frame["prediction"].to_numpy(dtype=object).copy()
    mended = wrong[: round(repaired * len(wrong))]
    prediction[mended] = frame["label"].to_numpy(dtype=object)[mended]
    evaluation = ep.evaluate(frame.assign(prediction=prediction), text="text", **options)
    with mlflow.start_run(run_name=name, tags={names.TAG_SERIES: series} if series else None) as run:
        ep.log(evaluation)
    return str(run.info.run_id)


def model_on(frame: pd.DataFrame, **options: Any) -> str:
    """Log a text classifier in a run of its own; return its URI."""
    encoder = ColumnTransformer([("text", TfidfVectorizer(analyzer="char"), "text")])
    model = make_pipeline(encoder, LogisticRegression()).fit(frame[["text"]], frame["label"])
    with mlflow.start_run(run_name="training"):
        info = mlflow.sklearn.log_model(model, name="m", pip_requirements=["scikit-learn"], **options)
    return str(info.model_uri)


# evaluate


def test_a_file_of_predictions_becomes_one_run(cli: Cli, answers: Path, frame: pd.DataFrame) -> None:
    ended = cli("evaluate", "--predictions", "answers.csv", "--slices", "channel, language", "--run-name", "night")
    assert ended.code == 0
    (run,) = runs()
    assert (run.info.status, run.info.run_name) == ("FINISHED", "night")
    assert run.info.run_id in ended.out
    assert run.data.metrics["quality/accuracy"] == pytest.approx((frame["label"] == frame["prediction"]).mean())
    assert "channel=web" in ended.out  # the weak slice
    assert {"accuracy_by_channel/web", "accuracy_by_language/zh"} <= set(run.data.metrics)


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same_figures(cli: Cli, answers: Path, frame: pd.DataFrame, ending: str) -> None:
    path = f"answers.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, sep="\t", index=False)
    first, second = (cli("evaluate", "--predictions", p, "--no-log", "--json").json for p in ("answers.csv", path))
    assert first == second
    assert first["n"] == 600
    assert runs() == []


def test_score_columns_of_a_file_are_probabilities(cli: Cli, frame: pd.DataFrame) -> None:
    frame.assign(**{"score.negative": 0.25}).to_csv("answers.csv", index=False)
    run_id = cli("evaluate", "--predictions", "answers.csv", "--json").json["run_id"]
    assert ep.load(run_id).predictions.table["score.negative"].to_pylist() == [0.25] * 600


@pytest.mark.parametrize(("minimum", "code", "word"), [(0.5, 0, "PASS"), (0.99, 3, "FAIL"), (0.915, 4, "UNDECIDED")])
def test_the_exit_code_of_evaluate_is_the_verdict(
    cli: Cli, answers: Path, minimum: float, code: int, word: str
) -> None:
    asked = ("evaluate", "--predictions", "answers.csv", "--requirements", gates("r.yaml", minimum), "--no-log")
    ended = cli(*asked)
    assert (ended.code, word in ended.out) == (code, True)
    assert cli(*asked, "--exit-zero").code == 0


def test_evaluate_without_thresholds_ends_well(cli: Cli, answers: Path) -> None:
    """There is nothing to fail: an undecided verdict without a gate is no reason to stop a pipeline."""
    assert cli("evaluate", "--predictions", "answers.csv", "--no-log").code == 0


def test_evaluate_prints_json_alone(cli: Cli, answers: Path) -> None:
    ended = cli("evaluate", "--predictions", "answers.csv", "--slices", "channel", "--json")
    assert ended.json["run_id"] == runs()[0].info.run_id
    assert ended.json["metrics"]["accuracy"]["n"] == 600


def test_evaluate_takes_up_the_run_that_mlflow_began(cli: Cli, answers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within ``mlflow run`` a second run, or another experiment, would be an error."""
    run = mlflow.MlflowClient().create_run(mlflow.get_experiment_by_name("tests").experiment_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert cli("evaluate", "--predictions", "answers.csv", "--experiment", "other").code == 0
    assert [(r.info.run_id, r.info.status) for r in runs()] == [(run.info.run_id, "FINISHED")]


@pytest.fixture
def briefly_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes seconds and has tests of its own: longer timing, and the footprint in a fresh process."""
    monkeypatch.setattr(timing, "CHEAP_S", 0.0)
    monkeypatch.setattr(timing, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(footprint, "measure", lambda model, features, where: (None, ()))


def test_a_registered_model_is_evaluated_on_a_file(
    cli: Cli, answers: Path, frame: pd.DataFrame, briefly_timed: None
) -> None:
    uri = model_on(frame)
    mlflow.register_model(uri, "sentiment")
    mlflow.MlflowClient().set_registered_model_alias("sentiment", "champion", 1)
    asked = ("evaluate", "--model", "models:/sentiment@champion", "--data", "answers.csv", "--slices", "channel")
    ended = cli(*asked, "--experiment", "nightly", "--json")
    expected = mlflow.sklearn.load_model(uri).predict(frame[["text"]]) == frame["label"]
    assert ended.json["metrics"]["accuracy"]["value"] == pytest.approx(expected.mean())
    run = mlflow.get_run(ended.json["run_id"])
    assert mlflow.get_experiment(run.info.experiment_id).name == "nightly"
    assert "latency_ms/p95" in run.data.metrics
    before = len(runs())
    unlogged = cli(*asked, "--no-log", "--json").json
    assert unlogged["run_id"] is None
    assert unlogged["metrics"] == ended.json["metrics"]
    assert len(runs()) == before


@pytest.mark.parametrize(
    "given",
    [(), ("--model", "models:/m/1"), ("--data", "x.csv"), ("--predictions", "a", "--model", "b", "--data", "c")],
)
def test_evaluate_says_what_it_needs(cli: Cli, given: Sequence[str]) -> None:
    ended = cli("evaluate", *given)
    assert ended.code == 2
    assert "give --predictions FILE, or --model URI with --data FILE" in ended.err


def bad_rows(frame: pd.DataFrame, **changed: Any) -> bytes:
    return frame.assign(**changed).to_csv(index=False).encode()


MISTAKES = """\
schema_version: 1
slices: [channel]
thresholds:
  - {metric: acuracy, min: 0.9}
  - {metric: accuracy, every: chanel, min: 0.8}
prioritty: cost
"""
LABELS = "task: {labels: [negative, neutral]}\n"
FILE = ("--predictions", "answers.csv")
BAD: dict[str, tuple[Sequence[str], str]] = {
    "missing file": (("--predictions", "answer.csv"), r"there is no file 'answer.csv'. Did you mean 'answers.csv'\?"),
    "unknown kind": (("--predictions", "answers.xlsx"), "'answers.xlsx' is not a .csv, .tsv, .jsonl, .parquet file"),
    "empty file": (("--predictions", "empty.csv"), "'empty.csv' is empty"),
    "header only": (("--predictions", "header.csv"), "'header.csv' has no rows"),
    "not UTF-8": (("--predictions", "latin.csv"), "'latin.csv' is not UTF-8: line 2 holds the byte 0xe4"),
    "damaged": (("--predictions", "damaged.parquet"), "'damaged.parquet' cannot be read as .parquet"),
    "no label": (("--predictions", "unlabelled.csv"), r"300 of 600 rows have no label in 'label' \(rows \[0, 2, 4"),
    "10,000 values": (("--predictions", "wide.csv", "--slices", "ticket"), "'ticket' has 10,000 different values"),
    "missing slice": ((*FILE, "--slices", "chanel"), r"Did you mean 'channel'\?"),
    "missing label": ((*FILE, "--label", "labels"), r"Did you mean 'label'\?"),
    "missing prediction": ((*FILE, "--prediction", "predicted"), r"Did you mean 'prediction'\?"),
    "missing id": ((*FILE, "--id", "custom_id"), r"Did you mean 'customer_id'\?"),
    "undeclared label": ((*FILE, "--requirements", "labels.yaml"), r"labels that are not declared: \['positive'\]"),
    "no requirements": ((*FILE, "--requirements", "none.yaml"), "cannot read requirements 'none.yaml'"),
}


@pytest.fixture
def bad_files(answers: Path, frame: pd.DataFrame) -> None:
    contents = {
        "answers.xlsx": b"PK", "empty.csv": b"", "header.csv": b"label,prediction\n",
        "latin.csv": b"label,prediction\nschw\xe4cher,a\n", "damaged.parquet": b"PAR1 and no more",
        "labels.yaml": LABELS.encode(), "mistakes.yaml": MISTAKES.encode(),
        "unlabelled.csv": bad_rows(frame, label=[None, "neutral"] * 300),
        "wide.csv": b"label,prediction,ticket\n" + b"".join(b"a,a,t%d\n" % i for i in range(10_000)),
    }  # fmt: skip
    for name, content in contents.items():
        Path(name).write_bytes(content)


def test_bad_input_is_one_line_and_no_run(cli: Cli, bad_files: None) -> None:
    for case, (arguments, message) in BAD.items():
        ended = cli("evaluate", *arguments)
        assert ended.code == 1, case
        assert re.search(message, ended.error), (case, ended.err)
    assert runs() == []


def test_every_mistake_in_the_requirements_is_named_with_its_line(cli: Cli, bad_files: None) -> None:
    ended = cli("evaluate", "--predictions", "answers.csv", "--requirements", "mistakes.yaml")
    assert ended.code == 1
    first, *listed = ended.err.splitlines()
    assert first == "Error: mistakes.yaml has 3 mistakes:"
    assert [line.split(":")[0] for line in listed] == ["  line 4", "  line 5", "  line 6"]
    for line, word in zip(listed, ("accuracy", "channel", "priority"), strict=True):
        assert f"Did you mean '{word}'?" in line
    assert runs() == []


def test_bad_input_for_a_model_is_one_line_and_no_run_is_left_running(
    cli: Cli, bad_files: None, frame: pd.DataFrame
) -> None:
    uri = model_on(frame, signature=infer_signature(frame[["text"]]))
    frame.drop(columns="text").assign(texts="x").to_csv("textless.csv", index=False)
    cases = {
        "no such model": (["--model", "models:/none/1", "--data", "answers.csv"], "none"),
        "no such alias": (["--model", "models:/none@champion", "--data", "answers.csv"], "none"),
        "no model URI": (["--model", "nowhere", "--data", "answers.csv"], "nowhere"),
        "missing input": (["--model", uri, "--data", "textless.csv"], r"'text' is not in .* mean 'texts'\?"),
        "no label": (["--model", uri, "--data", "unlabelled.csv"], "300 of 600 rows have no label in 'label'"),
        "missing slice": (["--model", uri, "--data", "answers.csv", "--slices", "chanel"], r"Did you mean 'channel'\?"),
        "undeclared": (["--model", uri, "--data", "answers.csv", "--requirements", "labels.yaml"], "not declared"),
        "not UTF-8": (["--model", uri, "--data", "latin.csv"], "is not UTF-8"),
    }  # fmt: skip
    for case, (arguments, message) in cases.items():
        ended = cli("evaluate", *arguments)
        assert ended.code == 1, case
        assert re.search(message, ended.error), (case, ended.err)
    assert {run.info.status for run in runs() if run.info.run_name != "training"} <= {"FAILED"}


def test_a_server_that_does_not_answer_is_one_line_without_the_password(cli: Cli, answers: Path, store: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mlflow.set_tracking_uri(f"http://me:{SECRET}@127.0.0.1:{port}")
    try:
        for arguments in (
            ["evaluate", "--predictions", "answers.csv"], ["compare"], ["gate"], ["promote", "--name", "m"],
            ["evaluate", "--model", "models:/m/1", "--data", "answers.csv"],
        ):  # fmt: skip
            ended = cli(*arguments)
            assert ended.code == 1
            assert f"http://127.0.0.1:{port} does not answer" in ended.error
            assert SECRET not in ended.err
            assert bool(ended.out) == ("--predictions" in arguments)  # what was computed is shown all the same
        shown = cli("evaluate", "--predictions", "answers.csv", "--json")
        assert (shown.code, shown.json["run_id"], shown.json["n"]) == (1, None, len(pd.read_csv(answers)))
        doctor = cli("doctor")
        assert doctor.code == 1
        assert re.search(r"FAIL store .*does not answer", doctor.out)
        assert SECRET not in doctor.out
        checks = cli("doctor", "--json").json
        assert [check["ok"] for check in checks] == [True, True, False, True]
        assert "mlflow-evalplus resume" in checks[-1]["detail"]  # that of the file was evaluated, and is kept
    finally:
        mlflow.set_tracking_uri(store)


# compare, promote


def test_compare_takes_the_newest_series(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "ancient", 1.0, "s1")
    for name, share in (("old", 0.0), ("new", 0.5)):
        logged(frame, name, share, "s2")
    ended = cli("compare")
    assert ended.code == 0
    assert "ancient" not in ended.out
    assert re.search(r"old +undecided .* baseline", ended.out)
    assert re.search(r"new ★ +undecided .*\+0\.\d{3} \[\+0\.\d{3}, \+0\.\d{3}\] +< 0\.001 +\d+ / 0", ended.out)
    assert re.search(r"new is better than old: \+\d+\.\d \[.* fixed, 0 broken", ended.out)
    assert "class pairs, points (fixed / broken): " in ended.out


def test_compare_prints_json_and_writes_a_page(cli: Cli, frame: pd.DataFrame) -> None:
    old, new = logged(frame, "old"), logged(frame, "new", 0.5)
    found = cli("compare", "old", new, "--output", "page.md", "--json").json
    assert (found["winner"], found["baseline"], list(found["runs"])) == ("new", "old", ["old", "new"])
    assert [found["runs"][name]["run_id"] for name in ("old", "new")] == [old, new]
    assert found["runs"]["old"]["comparison"] is None
    gain = ep.compare(new, old).metrics["accuracy"].value
    assert found["runs"]["new"]["comparison"]["metrics"]["accuracy"]["value"] == pytest.approx(gain)
    assert found["difference"]["total"]["accuracy"]["value"] == pytest.approx(gain)
    assert sum(part["accuracy"]["value"] for part in found["difference"]["parts"]) == pytest.approx(gain)
    assert "★ new" in Path("page.md").read_text(encoding="utf-8")
    turned = cli("compare", "old", "--baseline", "new", "--json").json
    assert (turned["baseline"], list(turned["runs"])) == ("new", ["new", "old"])


def test_compare_logs_a_run_and_comparing_again_refreshes_it(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "old", series="s1")
    logged(frame, "new", 0.5, "s1")
    first = cli("compare", "--json").json
    assert list(first["links"]) == ["side by side", "charts", "report"]
    printed = cli("compare", "new", "--baseline", "old")
    assert printed.code == 0
    (run,) = [run for run in runs() if run.data.tags[names.TAG_KIND] == names.KIND_COMPARISON]
    assert first["comparison_run_id"] == run.info.run_id
    assert f"The comparison is run {run.info.run_id}." in printed.out
    assert all(
        link in printed.out.splitlines()[-3:][place].split() for place, link in enumerate(first["links"].values())
    )


def test_compare_with_output_or_no_log_writes_nothing_to_mlflow(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "old", series="s1")
    logged(frame, "new", 0.5, "s1")
    for options in (["--output", "page.html"], ["--output", "page.MD"], ["--no-log"]):
        found = cli("compare", "--json", *options).json
        assert found["comparison_run_id"] is None
        assert list(found["links"]) == ["side by side"]
    assert len(runs()) == 2
    experiment = mlflow.get_experiment_by_name("tests")
    assert not [tag for tag in experiment.tags if "ViewState" in tag]
    assert Path("page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert Path("page.MD").read_text(encoding="utf-8").startswith("## Comparison")
    assert "cannot write 'none/page.html'" in cli("compare", "--output", "none/page.html").error


def test_compare_open_shows_the_page_or_says_where_it_is(
    cli: Cli, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged(frame, "only")
    shown: list[str] = []
    for works, says in ((True, "The page: "), (False, "There is no browser to show it; the page is ")):
        monkeypatch.setattr("webbrowser.open", lambda address, works=works: shown.append(address) or works)
        ended = cli("compare", "--no-log", "--open", "--json")
        assert ended.json["winner"] == "only"
        path = Path(ended.err.strip().removeprefix(says))
        assert shown[-1] == path.as_uri()
        assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
        shutil.rmtree(path.parent)


def test_the_names_of_runs_are_no_markup_of_the_terminal(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "[red]old[/red]")
    assert "[red]old[/red] is not cleared for launch" in cli("compare", "--no-log").out


def test_compare_refuses_different_test_sets_unless_told(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "whole")
    logged(frame.head(400), "part", 0.5)
    assert "400 examples are shared" in cli("compare", "whole", "part").error
    assert cli("compare", "whole", "part", "--shared", "--json").json["runs"]["part"]["comparison"]["n"] == 400


def test_a_name_that_is_not_there_is_answered_with_the_nearest(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "words_chars")
    for arguments in (["compare", "word_chars"], ["gate", "word_chars"], ["promote", "word_chars", "--name", "m"]):
        ended = cli(*arguments)
        assert ended.code == 1
        assert ended.error.endswith("runs are ['words_chars']. Did you mean 'words_chars'?")
    ended = cli("compare", "--experiment", "test")
    assert "there is no experiment 'test'" in ended.error
    assert ended.error.endswith("Did you mean 'tests'?")


def test_without_any_run_the_commands_say_what_to_do(cli: Cli) -> None:
    for arguments in (["compare"], ["gate"], ["promote", "--name", "m"]):
        ended = cli(*arguments)
        assert ended.code == 1
        assert "no evaluated run" in ended.error


def test_promote_registers_the_winner_of_the_newest_series(cli: Cli, frame: pd.DataFrame) -> None:
    uri = model_on(frame)
    for name, rows in (("worse", frame.assign(label="neutral")), ("better", frame)):
        with mlflow.start_run(run_name=name, tags={names.TAG_SERIES: "s1"}) as run:
            mlflow.models.evaluate(
                uri, rows[["text", "label", "channel"]], targets="label", model_type="classifier",
                evaluators="evalplus", evaluator_config={"slices": ["channel"], "latency_requests": 0},
            )  # fmt: skip
        if name == "worse":
            mlflow.MlflowClient().set_tag(run.info.run_id, names.TAG_SERIES, "s0")
    ended = cli("promote", "--name", "sentiment", "--json")
    assert ended.json["created"] is True
    version = mlflow.MlflowClient().get_model_version("sentiment", ended.json["version"])
    assert version.tags[names.TAG_RUN] == run.info.run_id
    assert "better is not cleared for launch: it does not pass" in version.description
    again = cli("promote", "better", "--name", "sentiment", "--why", "it was asked for")
    assert again.code == 0
    assert "sentiment version 1 was registered before and is 'challenger': not cleared for launch" in again.out
    assert "it was asked for" in mlflow.MlflowClient().get_model_version("sentiment", "1").description


def test_promote_refuses_a_run_without_a_model(cli: Cli, frame: pd.DataFrame) -> None:
    logged(frame, "words")
    ended = cli("promote", "words", "--name", "sentiment")
    assert ended.code == 1
    assert "has no logged model to register" in ended.error


# doctor, help


def test_doctor_is_content(cli: Cli, store: str) -> None:
    ended = cli("doctor")
    assert ended.code == 0
    assert [line.split()[:2] for line in ended.out.splitlines()] == [
        ["ok", "plugin"],
        ["ok", "versions"],
        ["ok", "store"],
    ]
    assert {check["check"] for check in cli("doctor", "--json").json} == {"plugin", "versions", "store"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_shows_examples(cli: Cli, name: str) -> None:
    ended = cli(name, "--help")
    assert ended.code == 0
    assert f"  mlflow-evalplus {name}" in ended.out.split("Examples:")[1]
    assert COMMANDS[name] in cli("--help").out


def test_an_unknown_command_is_refused(cli: Cli) -> None:
    ended = cli("evalute")
    assert ended.code == 2
    assert "No such command 'evalute'" in ended.err


@pytest.mark.slow
def test_the_installed_program_prints_nothing_but_the_error(store: str, answers: Path) -> None:
    """In a process of its own nothing of MLflow's log may stand around the one line."""
    program = Path(sys.executable).parent / "mlflow-evalplus"
    done = subprocess.run(
        [program, "evaluate", "--predictions", "answers.csv", "--slices", "chanel"],
        capture_output=True, text=True, env={**os.environ, "MLFLOW_TRACKING_URI": store}, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: column 'chanel' is not in the data; .*Did you mean 'channel'\?\n", done.stderr)
