"""`mlflow-evalplus collect`: what it reads, writes, logs and refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.core.collecting.queue_files import read_queue
from mlflow_evalplus.tracking.collecting.runs import load_queue
from tests.cli.test_commands import Cli, program
from tests.core.collecting.test_queue_files import same
from tests.tracking.collecting.test_inference_table import call
from tests.tracking.collecting.test_traces import flush, trace

LABELS = ["negative", "neutral", "positive"]


def log_of(n: int = 120) -> pd.DataFrame:
    """Return a log with feedback, a challenger, scores and two words that no training text holds."""
    rng = np.random.default_rng(5)
    known = ["order", "late", "refund", "great", "thanks", "broken", "parcel", "app", "crash", "login", "price"]
    texts = [" ".join(rng.choice(known, 7)) + (" livestream coupon" if i % 9 == 0 else "") for i in range(n)]
    scores = rng.dirichlet([1, 1, 1], n)
    frame = pd.DataFrame({"text": texts, "channel": rng.choice(["app", "web"], n), "day": "2026-07-01"})
    frame = frame.assign(**{f"score.{label}": scores[:, i] for i, label in enumerate(LABELS)})
    frame["prediction"] = np.array(LABELS)[scores.argmax(1)]
    frame["new"] = np.where(rng.random(n) < 0.2, "neutral", frame["prediction"])
    frame["corrected"] = np.where(rng.random(n) < 0.2, "negative", None)
    return frame


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return what runs the command in a folder with log.csv and train.csv, without a store."""
    monkeypatch.chdir(tmp_path)
    log_of().to_csv("log.csv", index=False)
    log_of()[1::9].to_csv("train.csv", index=False)
    return program(monkeypatch, capsys, "collect")


KNOWN = ("--n", "20", "--feedback", "corrected", "--challenger", "new", "--train", "train.csv", "--slices", "channel",
         "--time", "day", "--seed", "3")  # fmt: skip


def test_the_queue_is_the_python_functions(run: Cli) -> None:
    ended = run("log.csv", *KNOWN, "--no-log", "--json")
    frame, training = pd.read_csv("log.csv"), pd.read_csv("train.csv")
    expected = ep.collect(
        frame, 20, label="corrected", challenger="new", training=training, slices=["channel"], time="day", seed=3
    )
    assert (ended.code, ended.err) == (0, "")
    assert same(read_queue("queue"), replace(expected, labels=tuple(LABELS)))
    assert read_queue("queue").labels == tuple(LABELS) == tuple(ended.json["labels"])
    assert ended.json["files"] == ["queue/queue.csv", "queue/queue.jsonl"]
    assert (ended.json["n_cases"], ended.json["n_audit"], ended.json["run_id"]) == (20, 4, None)
    assert [reason["reason"] for reason in ended.json["reasons"]] == [one.reason for one in expected.reasons]
    assert {"wrong", "disagreement", "low_margin", "unknown_words"} <= {one.reason for one in expected.reasons}


def test_a_folder_of_training_data_tells_the_same_new_words_as_its_rows(run: Cli) -> None:
    rows = pd.read_csv("train.csv").assign(label="neutral").drop_duplicates("text").rename(columns={"text": "said"})
    ep.TrainingData.create("training", rows, text="said", label="label", source="train.csv")
    of_folder, of_file = (
        json.loads(
            run(
                "log.csv", "--n", "20", "--train", given, "--out", given[:5] + "-" + given[-3:], "--no-log", "--json"
            ).out
        )
        for given in ("training", "train.csv")
    )
    why = [[one["why"] for one in told["reasons"] if one["reason"] == "unknown_words"] for told in (of_folder, of_file)]
    assert why[0] == why[1] != []


def test_what_is_printed_says_what_to_do_next(run: Cli) -> None:
    ended = run("log.csv", "--n", "9", "--no-log", "--per-annotator", "--out", "a b")
    assert "9 cases to label of" in ended.out
    assert "For the annotators: a b/queue_annotator_1.csv, a b/queue_annotator_2.csv" in ended.out
    assert (
        "Afterwards: mlflow-evalplus adjudicate 'a b/queue_annotator_1.csv' 'a b/queue_annotator_2.csv' "
        "--queue 'a b/queue.jsonl'"
    ) in ended.out


def test_what_is_labelled_already_is_left_out(run: Cli) -> None:
    run("log.csv", "--n", "20", "--audit", "0", "--no-log")
    before = {case.case_id for case in read_queue("queue").cases}
    for labelled in ("queue", "queue/queue.jsonl", "queue/queue.csv"):
        run("log.csv", "--n", "20", "--audit", "0", "--no-log", "--out", "next", "--force", "--exclude", labelled)
        assert not before & {case.case_id for case in read_queue("next").cases}, labelled
    pd.read_csv("log.csv")[:100].to_csv("done.csv", index=False)
    run("log.csv", "--n", "50", "--no-log", "--out", "rest", "--exclude", "done.csv", "--exclude", "queue")
    rest = read_queue("rest").cases
    assert rest
    assert min(case.row for case in rest) >= 100
    assert not before & {case.case_id for case in rest}


def test_a_filled_queue_is_refused_before_the_log_is_read(run: Cli) -> None:
    run("log.csv", "--n", "5", "--no-log")
    before = Path("queue/queue.csv").read_bytes()
    ended = run("no such log.csv", "--no-log")
    assert (ended.code, Path("queue/queue.csv").read_bytes()) == (1, before)
    assert ended.error.startswith("Error: 'queue' holds a queue already (queue.csv, queue.jsonl)")
    assert run("log.csv", "--n", "6", "--no-log", "--force").code == 0
    assert len(read_queue("queue").cases) == 6


def test_an_inference_table_is_read_and_its_losses_are_told(run: Cli) -> None:
    calls = [call([text], [{"prediction": "neutral"}]) for text in log_of()["text"]]
    pd.DataFrame([*calls, call(["lost"], [], status_code=500)]).to_parquet("served.parquet")
    ended = run("served.parquet", "--n", "10", "--slices", "channel", "--train", "train.csv", "--no-log", "--json")
    assert "1 of 121 requests were refused (their status code is not 200); they are left out" in ended.json["notes"]
    first = read_queue("queue").cases[0]
    assert (first.time, first.slices, first.prediction) == ("2023-11-14T22:13:20.000Z", {"channel": "app"}, "neutral")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("lgo.csv",), "there is no file 'lgo.csv'. Did you mean 'log.csv'?"),
        (("log.csv", "--text", "txet"), "Did you mean 'text'?"),
        (("log.csv", "--prediction", "predicted"), "Did you mean 'prediction'?"),
        (("log.csv", "--feedback", "corected"), "Did you mean 'corrected'?"),
        (("log.csv", "--slices", "chanel"), "Did you mean 'channel'?"),
        (("log.csv", "--train", "log.parquet"), "there is no file 'log.parquet'"),
        (("log.csv", "--exclude", "quene"), "there is no file 'quene'"),
        (("log.csv", "--out", "log.csv"), "cannot write a queue into 'log.csv': it is a file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(run: Cli, given: tuple[str, ...], message: str) -> None:
    ended = run(*given, "--no-log")
    assert ended.code == 1
    assert message in ended.error
    assert not Path("queue").exists()


def test_options_that_exclude_each_other_are_refused(run: Cli) -> None:
    ended = run("log.csv", "--no-log", "--review-queue", "july")
    assert ended.code == 2
    assert "leave --no-log or --review-queue out" in ended.err


def test_the_queue_is_logged_with_the_log_as_its_input(store: str, run: Cli) -> None:
    ended = run("log.csv", "--n", "12", "--experiment", "wheel", "--json")
    logged = mlflow.get_run(ended.json["run_id"])
    assert mlflow.get_experiment(logged.info.experiment_id).name == "wheel"
    assert {key: logged.data.params[key] for key in ("n", "audit", "seed", "log")} == {
        "n": "12", "audit": "0.2", "seed": "0", "log": "log.csv",
    }  # fmt: skip
    assert logged.inputs.dataset_inputs[0].dataset.digest == logged.data.params["log_digest"]
    assert same(load_queue(logged.info.run_id), read_queue("queue"))
    assert names.QUEUE_PAGE in ended.json["link"]


@pytest.mark.slow
def test_traces_go_into_a_review_queue_of_their_experiment(store: str, run: Cli) -> None:
    mlflow.set_experiment("production")
    for number, text in enumerate(log_of(40)["text"]):
        trace({"text": text}, LABELS[number % 2], at=number, channel="app")
    flush()
    mlflow.set_experiment("tests")
    ended = run("traces:production", "--n", "5", "--slices", "channel", "--review-queue", "july", "--json")
    logged = mlflow.get_run(ended.json["run_id"])
    assert mlflow.get_experiment(logged.info.experiment_id).name == "production"
    assert json.loads(logged.inputs.dataset_inputs[0].dataset.source) == {"experiment": "traces:production"}
    made = ended.json["review_queues"]
    assert made["names"] == ["july annotator_1", "july annotator_2"]
    assert "5 cases are in the review queues" in made["sentence"]
    printed = run("traces:production", "--n", "5", "--review-queue", "july", "--force").out
    assert "Work through them at http://127.0.0.1:5000/#/experiments/" in printed


@pytest.mark.slow
def test_the_weak_slices_of_a_run_count(store: str, run: Cli, frame: pd.DataFrame) -> None:
    with mlflow.start_run(run_name="launch"):
        ep.log(ep.evaluate(frame, slices=["channel"]))
    frame.drop(columns="label").to_csv("log.csv", index=False)
    ended = run("log.csv", "--n", "30", "--weak", "launch", "--no-log", "--json")
    (weak,) = [reason for reason in ended.json["reasons"] if reason["reason"] == "weak_slice"]
    assert "web" in weak["why"]
    assert weak["n_cases"] > 0
