"""Every text carries a word of its own, one of all of them, and numbers of a person: who finds any of it in the store?

Each command runs on planted texts under each mode; then every byte that it left is searched, artifacts and database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

import mlflow_evalplus as ep
from mlflow_evalplus import names
from mlflow_evalplus.errors import DataError, TrackingError
from mlflow_evalplus.tracking.reader import load
from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.tracking.left import left_in

cli = test_commands.cli
N = 240
CANARY = re.compile("canary[a-z]{3}|quetzal", re.IGNORECASE)
PERSON = re.compile(r"1380013\d{4}|anna\.\d+|mailcanary|\d{3}-55-\d{4}|44030819990110151", re.IGNORECASE)
MODES = ("masked", "hash", "none")


def planted(number: int) -> str:
    own = "canary" + "".join(chr(97 + number // 26**place % 26) for place in range(3))
    person = (
        f"call 1380013{number:04d}", f"mail anna.{number}@mailcanary.com", f"ssn {100 + number}-55-{1000 + number}",
        "身份证440308199901101512",
    )[number % 4]  # fmt: skip
    return f"{own} {'quetzal refund' if number % 3 == 0 else 'thanks'} so much 谢谢 {person} bye"


def rows(first: int = 0, n: int = N) -> pd.DataFrame:
    numbers = range(first, first + n)
    label = ["bad" if number % 3 == 0 else "good" for number in numbers]
    frame = pd.DataFrame({"text": [planted(number) for number in numbers], "label": label})
    frame["prediction"] = frame["label"].where([number % 12 > 0 for number in numbers], "good")
    frame["score.bad"] = [0.9 if said == "bad" else 0.2 for said in frame["prediction"]]
    frame["score.good"] = 1 - frame["score.bad"]
    frame["channel"] = [("app", "web")[number % 2] for number in numbers]
    frame["month"] = [f"2025-0{1 + number * 4 // (first + n)}-15" for number in numbers]
    return frame


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    folder.mkdir()
    rows().to_csv(folder / "answers.csv", index=False)
    other = rows()
    other.loc[other.index % 12 == 6, "prediction"] = "good"
    other.assign(prediction=other["label"].where(other.index % 9 > 0, "bad")).to_csv(folder / "other.csv", index=False)
    train = pd.concat([rows(1000, 60), rows(0, 6)])
    train["text"] = train["text"].str.replace("quetzal", "")
    train.to_csv(folder / "train.csv", index=False)
    (folder / "rules.yaml").write_text("- {pattern: refund, label: bad}\n")
    return folder


def found(folder: Path, what: re.Pattern[str], printed: str = "") -> set[tuple[str, str]]:
    texts = [*left_in(folder), ("printed", printed)]
    return {(name, hit.group()) for name, text in texts for hit in what.finditer(text)}


def check(folder: Path, mode: str, printed: str = "") -> None:
    """Find nothing of the texts, or, where they are masked, the texts and nothing of the persons."""
    if mode == "masked":
        assert found(folder, CANARY, printed)
        assert not found(folder, PERSON, printed)
    else:
        assert not found(folder, CANARY, printed) | found(folder, PERSON, printed)


def test_the_search_finds_what_is_planted(store: str, given: Path) -> None:
    with mlflow.start_run() as run:
        ep.log(ep.evaluate(pd.read_csv(given / "answers.csv"), slices=["channel"], discover=1))
    hits = found(Path.cwd(), CANARY)
    assert {hit for _, hit in hits} >= {"quetzal", "canaryaaa", "canarymaa"}
    assert {name.rpartition("/")[2] for name, _ in hits} >= {"predictions.parquet", "evaluation.json", "bad_cases.json"}
    assert {name.rpartition("/")[2] for name, _ in found(Path.cwd(), PERSON)} >= {"predictions.parquet"}
    assert "store_text" not in mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{names.EVALUATION}")


def test_a_run_without_texts_holds_none_and_is_compared_as_ever(store: str, given: Path) -> None:
    frame = pd.read_csv(given / "answers.csv")
    with mlflow.start_run() as run:
        ep.log(ep.evaluate(frame, slices=["channel"], discover=1, store_text="none"))
    check(Path.cwd(), "none")
    evaluation = load(run.info.run_id)
    other = ep.evaluate(frame.assign(prediction=frame["label"]), slices=["channel"])
    assert ep.compare(other, evaluation).metrics["accuracy"].n == N
    assert evaluation.metrics == ep.evaluate(frame, slices=["channel"]).metrics
    assert evaluation.data_digest == other.data_digest
    with pytest.raises(DataError, match="store_text"):
        ep.rule_effects(evaluation, given / "rules.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_evaluations_and_comparisons(cli: Cli, store: str, given: Path, mode: str) -> None:
    (given / "requirements.yaml").write_text(
        f"slices: [channel]\ndiscover: 2\nstore_text: {mode}\nthresholds: [{{metric: accuracy, min: 0.9}}]\n"
    )
    printed = ""
    for name in ("answers", "other"):
        ended = cli(
            "evaluate", "--predictions", str(given / f"{name}.csv"), "--requirements", str(given / "requirements.yaml"),
            "--train", str(given / "train.csv"), "--rules", str(given / "rules.yaml"), "--run-name", name,
            "--output", f"{name}.html", "--json", "--exit-zero",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        printed += ended.out
    ended = cli("compare", "answers", "other", "--output", "comparison.html", "--json")
    assert ended.code in (0, 3, 4), ended.err
    printed += ended.out + cli("evaluate", "--predictions", str(given / "answers.csv"), "--store-text", mode).out
    check(Path.cwd(), mode, printed)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_model_that_repeats_the_text(store: str, given: Path, mode: str) -> None:
    frame = pd.read_csv(given / "answers.csv")[["text", "label", "channel"]]

    def parrot(model_input: pd.DataFrame) -> list[str]:
        return ["bad" if "refund" in text else text for text in model_input["text"]]

    with mlflow.start_run():
        mlflow.models.evaluate(
            parrot, frame, targets="label", model_type="classifier", evaluators=["evalplus"],
            evaluator_config={"evalplus": {"text": "text", "slices": ["channel"], "store_text": mode,
                                           "requirements": {"task": {"labels": ["bad", "good"]}},
                                           "training": pd.read_csv(given / "train.csv"), "latency_requests": 0,
                                           "footprint": False, "max_predictions": 500}},
        )  # fmt: skip
    check(Path.cwd(), mode)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_queues_and_what_comes_back(cli: Cli, store: str, given: Path, mode: str) -> None:
    out = given / "queue"
    ended = cli(
        "collect", str(given / "answers.csv"), "--n", "20", "--out", str(out), "--train", str(given / "train.csv"),
        "--feedback", "label", "--slices", "channel", "--store-text", mode, "--json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    queue = pd.read_csv(out / "queue.csv", dtype=str)
    assert queue["text"].str.contains("canary").all()  # annotators read what they label
    queue["annotator_1"], queue["annotator_2"] = "bad", ["bad", "good"] * (len(queue) // 2) + ["bad"] * (len(queue) % 2)
    queue["note"] = queue["text"]
    queue.loc[0, "text"] = "canaryzzz edited 13800139999"
    queue.to_csv(given / "filled.csv", index=False)
    filled, run_id = str(given / "filled.csv"), ended.json["run_id"]
    back = cli("adjudicate", filled, "--queue", str(out / "queue.jsonl"), "--store-text", mode, "--json")
    assert back.code in (3, 4), back.err
    assert back.json["accepted"]
    check(Path.cwd(), mode, ended.out + back.out)
    by_run = cli("adjudicate", filled, "--queue", run_id, "--no-log")
    if mode == "masked":
        assert by_run.code in (3, 4)
    else:
        assert "keeps no texts" in by_run.error


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["hash", "none"])
def test_monitored_logs(cli: Cli, store: str, given: Path, mode: str) -> None:
    log = rows()
    log.loc[log["month"] < "2025-04", "text"] = log["text"].str.replace("quetzal", "")
    log.to_csv(given / "log.csv", index=False)
    asked = ("monitor", str(given / "log.csv"), "--time", "month", "--slices", "channel", "--json")
    assert "quetzal" in cli(*asked, "--no-log").out
    ended = cli(*asked, "--store-text", mode, "--output", "monitor.html")
    assert ended.code in (0, 3, 4), ended.err
    assert "(left out 1)" in ended.out
    check(Path.cwd(), mode, ended.out)


def questions() -> Iterator[dict[str, Any]]:
    for number in range(12):
        text, kind = planted(number), ("exact", "choice", "label", "rubric")[number % 4]
        yield {"id": f"q{number}", "input": f"Say it: {text}", "type": kind, "dimension": "d", "context": text,
               "gold": {"exact": text, "choice": "A", "label": "bad", "rubric": None}[kind],
               "choices": {"choice": [text, "no"], "label": ["bad", "good"]}.get(kind),
               "rubric": text if kind == "rubric" else None}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_selections(cli: Cli, store: str, given: Path, mode: str) -> None:
    asked = [{key: value for key, value in one.items() if value is not None} for one in questions()]
    (given / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)))
    answers = [
        {"candidate": "c", "question": one["id"], "text": one["input"], "finish": "stop", "variant": variant}
        for one in asked for variant in ("", "context", "steps")
    ]  # fmt: skip
    verdicts = [{"judge": "j", "candidate": "c", "question": one["id"], "repeat": 0, "verdict": 0.1,
                 "why": one["input"]} for one in asked if one["type"] == "rubric"]  # fmt: skip
    (given / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    (given / "verdicts.jsonl").write_text("\n".join(map(json.dumps, verdicts)))
    (given / "candidates.yaml").write_text(
        "schema_version: 1\ncandidates: [{name: c, answers: answers.jsonl}]\n"
        "judges: [{name: j, verdicts: verdicts.jsonl}]\n"
    )
    ended = cli(
        "select", str(given / "questions.jsonl"), "--candidates", str(given / "candidates.yaml"), "--store-text", mode,
        "--output", "page.html", "--json",
    )  # fmt: skip
    assert ended.code in (0, 3, 4), ended.err
    table = pd.DataFrame({"id": [one["id"] for one in asked], "said": [one["input"] for one in asked]})
    with mlflow.start_run():
        mlflow.models.evaluate(
            data=table, predictions="said", model_type="text", evaluators=["evalplus-answers"],
            evaluator_config={"evalplus-answers": {"questions": str(given / "questions.jsonl"), "id": "id",
                                                   "store_text": mode}},
        )  # fmt: skip
    check(Path.cwd(), mode, ended.out)


def test_a_run_keeps_no_text_where_its_queue_is_asked_for(store: str) -> None:
    from mlflow_evalplus.core.collecting.collect import collect
    from mlflow_evalplus.tracking.adjudication import adjudicate_run
    from mlflow_evalplus.tracking.collecting.runs import log_queue

    logged = log_queue(collect(rows(n=40), 5, slices=["channel"]), store_text="hash")
    with pytest.raises(TrackingError, match=r"keeps no texts.*--queue FILE"):
        adjudicate_run(logged.run_id, rows())
