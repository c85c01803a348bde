"""A model may answer with its text: where texts are not kept, and no labels are declared, that is no label."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus.requirements import StoreText
from mlflow_evalplus.tracking.reader import load
from tests.cli.test_commands import Cli
from tests.tracking import test_store_text
from tests.tracking.test_store_text import CANARY, MODES, PERSON, N, check, found, rows

cli, given = test_store_text.cli, test_store_text.given


def parrot(model_input: pd.DataFrame) -> list[str]:
    return ["bad" if "refund" in text else text for text in model_input["text"]]


def repeated() -> pd.DataFrame:
    """Return rows of which every tenth answer is the text, without scores."""
    frame = rows().drop(columns=["score.bad", "score.good"])
    frame["prediction"] = frame["label"].where(frame.index % 10 > 0, frame["text"])
    return frame


def left(folder: Path, mode: str, printed: str = "") -> set[tuple[str, str]]:
    return found(folder, PERSON if mode == "masked" else CANARY, printed)


def test_what_only_the_model_says_is_no_label_where_texts_are_not_kept() -> None:
    frame = repeated()
    full, kept = ep.evaluate(frame), ep.evaluate(frame, store_text="none")
    assert (len(full.labels), kept.labels) == (2 + N // 10, ("bad", "good"))
    assert kept.metrics["accuracy"] == full.metrics["accuracy"]
    declared = {"task": {"labels": ["bad", "good"]}}
    assert kept.metrics["f1_macro"] == ep.evaluate(frame, requirements=declared).metrics["f1_macro"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_evaluations(store: str, given: Path, mode: StoreText) -> None:
    with mlflow.start_run():
        ep.log(ep.evaluate(repeated(), slices=["channel"], store_text=mode))
    with mlflow.start_run() as run:
        mlflow.models.evaluate(
            parrot, rows()[["text", "label", "channel"]], targets="label", model_type="classifier",
            evaluators=["evalplus"],
            evaluator_config={"evalplus": {"text": "text", "slices": ["channel"], "store_text": mode,
                                           "latency_requests": 0, "footprint": False}},
        )  # fmt: skip
    assert not left(Path.cwd(), mode)
    full = ep.evaluate(rows().assign(prediction=parrot(rows())), slices=["channel"])
    difference = ep.compare(load(run.info.run_id), full).metrics["accuracy"]
    assert (difference.n, difference.value) == (N, 0)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_queues(cli: Cli, store: str, given: Path, mode: str) -> None:
    repeated().to_csv(given / "log.csv", index=False)
    asked = ("collect", str(given / "log.csv"), "--n", "20", "--slices", "channel", "--store-text", mode, "--json")
    ended = cli(*asked, "--out", str(given / "queue"))
    assert ended.code == 0, ended.err
    assert not left(Path.cwd(), mode, ended.out)
    if mode == "none":
        assert ended.json["labels"] == ["bad", "good"]


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [1, 2, N])
@pytest.mark.parametrize("mode", ["masked", "none"])
def test_monitored_logs(cli: Cli, store: str, given: Path, mode: str, labelled: int) -> None:
    log = repeated()
    log["label"] = log["label"].where(log.index % labelled == labelled - 1)
    log.loc[log["month"] >= "2025-04", "text"] += " refund to anna@mailcanary.com"
    log.to_csv(given / "log.csv", index=False)
    ended = cli("monitor", str(given / "log.csv"), "--time", "month", "--slices", "channel", "--json",
                "--store-text", mode, "--output", "monitor.html")  # fmt: skip
    assert ended.code in (0, 3, 4), ended.err
    assert not left(Path.cwd(), mode, ended.out)
    assert not found(Path.cwd(), re.compile("mailcanary"), ended.out)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_full_run_beside_one_that_keeps_less(cli: Cli, store: str, given: Path, mode: str) -> None:
    for name, kept in (("answers", "full"), ("other", mode)):
        asked = ("evaluate", "--predictions", str(given / f"{name}.csv"), "--run-name", name, "--slices", "channel")
        assert cli(*asked, "--store-text", kept).code == 0
    before = {path for path in Path.cwd().rglob("*") if path.is_file()}
    compared = cli("compare", "other", "answers", "--output", "comparison.html", "--json")
    assert compared.code in (0, 3, 4), compared.err
    for path in before:
        if path.suffix != ".db":
            path.unlink()
    Path("mlflow.db").unlink()
    assert list(Path.cwd().rglob("comparison*"))
    check(Path.cwd(), mode, compared.out)
