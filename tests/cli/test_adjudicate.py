"""`mlflow-evalplus adjudicate`: what it reads, prints, writes, refuses and exits with."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest

from mlflow_evalplus.core.adjudicating.adjudicate import adjudicate
from mlflow_evalplus.core.collecting.queue_files import write_queue
from mlflow_evalplus.core.training_data.training_data import TrainingData
from mlflow_evalplus.results.queue import Queue
from mlflow_evalplus.tracking.collecting import review_queue
from mlflow_evalplus.tracking.collecting.runs import log_queue
from tests.cli import test_commands
from tests.cli.test_commands import Cli
from tests.core.adjudicating.queues import filled, small

cli = test_commands.cli
TWO = ("annotator_1", "annotator_2")


@pytest.fixture
def queue(store: str) -> Queue:
    """Write a queue of 8 texts with two files that came back: 5 agreed, 2 disputed, 1 with one vote."""
    found = small(8)
    write_queue(found, "queue", labels=["neg", "pos"])
    one = filled(found, annotator_1=["neg"] * 8)
    other = filled(found, annotator_2=["neg"] * 5 + ["pos", "?"])
    one.to_csv("one.csv", index=False)
    other.to_csv("other.csv", index=False)
    return found


def test_the_turns_from_filled_files_to_training_data(cli: Cli, queue: Queue) -> None:
    ended = cli("adjudicate", "one.csv", "other.csv", "--queue", "queue", "--disputed", "open.csv", "--out", "done.csv")
    assert ended.code == 4
    assert "Labelled: 5 of 8 cases (5 agreed). Open: 3 (2 disputed, 1 with one vote)." in ended.out
    assert "Wrote 5 settled labels to done.csv." in ended.out
    assert "Wrote 3 open cases to open.csv." in ended.out
    assert pd.read_csv("done.csv")["label"].tolist() == ["neg"] * 5
    (run,) = mlflow.search_runs(output_format="list")
    assert f"The adjudication is run {run.info.run_id}." in ended.out

    decided = pd.read_csv("open.csv", dtype=str)
    decided.assign(adjudicated="pos").to_csv("decided.csv", index=False)
    first = pd.DataFrame({"message": ["first"], "sentiment": ["neg"]})
    TrainingData.create("training", first, text="message", label="sentiment", source="first.csv")
    pd.DataFrame({"text": ["Text, number 0!"]}).to_csv("test.csv", index=False)
    files = ("one.csv", "other.csv", "decided.csv", "--queue", "queue/queue.jsonl", "--no-log")
    ended = cli("adjudicate", *files, "--add-to", "training", "--test", "test.csv", "--out", "done.jsonl", "--json")
    assert ended.code == 0
    assert ended.json["run_id"] is None
    assert [case["how"] for case in ended.json["accepted"]] == ["agreed"] * 5 + ["adjudicated"] * 3
    assert "7 added" in ended.json["done"][1]
    assert "1 refused" in ended.json["done"][1]
    rows = TrainingData.open("training").rows()
    assert rows["message"].tolist() == ["first", *(f"text number {place}" for place in range(1, 8))]
    assert rows["sentiment"].tolist() == ["neg"] * 5 + ["pos"] * 3
    assert pd.read_json("done.jsonl", lines=True)["case_id"].tolist() == [case.case_id for case in queue.cases]
    again = cli("adjudicate", *files, "--add-to", "training", "--json")
    assert "7 already there" in again.json["done"][0]
    assert TrainingData.open("training").newest.number == 2


def test_problems_are_named_and_exit_with_3(cli: Cli, queue: Queue) -> None:
    votes = filled(queue, annotator_1=["neg"] * 8, annotator_2=["neg"] * 7 + ["negg"])
    votes.to_csv("filled.csv", index=False)
    ended = cli("adjudicate", "filled.csv", "--queue", "queue", "--no-log")
    assert ended.code == 3
    assert "filled.csv line 9: case c007, annotator_2: 'negg' is no label" in ended.out
    given = ("filled.csv", "--queue", "queue", "--no-log", "--labels", "neg, negg")
    assert cli("adjudicate", *given).code == 4
    Path("requirements.yaml").write_text("task: {labels: [negg, neg]}", encoding="utf-8")
    required = cli("adjudicate", *given[:4], "--requirements", "requirements.yaml", "--json")
    assert required.json["labels"] == ["negg", "neg"]
    expected = adjudicate(queue, votes, labels=["negg", "neg"])
    assert len(required.json["accepted"]) == len(expected.accepted) == 7
    assert mlflow.search_runs(output_format="list") == []


def test_three_annotators_settle_by_majority_where_asked(cli: Cli, queue: Queue) -> None:
    votes = filled(queue, anna=["neg"] * 8, bo=["neg"] * 8, cy=["pos"] * 8)
    votes.to_csv("filled.csv", index=False)
    given = ("filled.csv", "--queue", "queue", "--annotators", "anna, bo,cy", "--no-log", "--json")
    assert len(cli("adjudicate", *given).json["open"]) == 8
    found = cli("adjudicate", *given, "--majority")
    assert (found.code, {case["how"] for case in found.json["accepted"]}) == (0, {"majority"})


def test_what_people_filled_in_is_never_written_over(cli: Cli, queue: Queue) -> None:
    files = ("adjudicate", "one.csv", "other.csv", "--queue", "queue", "--no-log")
    for option in ("--out", "--disputed"):
        assert "'one.csv' is one of the files that came back" in cli(*files, option, "./one.csv").error.replace(
            "./", ""
        )
    assert cli(*files, "--disputed", "open.csv").code == 4
    assert cli(*files, "--disputed", "open.csv").code == 4  # nobody began to fill it in
    begun = Path("open.csv").read_text(encoding="utf-8").replace('"neg","pos",""', '"neg","pos","pos"')
    Path("open.csv").write_text(begun, encoding="utf-8")
    assert (
        "'open.csv' is there already, and somebody may have filled it in" in cli(*files, "--disputed", "open.csv").error
    )
    assert Path("open.csv").read_text(encoding="utf-8") == begun


@pytest.mark.parametrize("source", ["queue", "queue/queue.jsonl"])
@pytest.mark.parametrize("name", ["queue.jsonl", "queue.csv"])
def test_the_files_of_the_queue_are_never_written_over(cli: Cli, queue: Queue, source: str, name: str) -> None:
    before = {path.name: path.read_bytes() for path in Path("queue").iterdir()}
    Path("link.csv").symlink_to(f"queue/{name}")
    for option in ("--out", "--disputed"):
        for path in (f"queue/{name}", f"./queue/../queue/{name}", "link.csv"):
            ended = cli("adjudicate", "one.csv", "other.csv", "--queue", source, "--no-log", option, path)
            assert f"{path!r} is a file of the queue; write to another" in ended.error
    assert {path.name: path.read_bytes() for path in Path("queue").iterdir()} == before
    assert cli("adjudicate", "one.csv", "other.csv", "--queue", source, "--no-log", "--out", "queue/done.csv").code == 4


def test_what_adding_takes_is_looked_at_before_anything_is_logged(cli: Cli, queue: Queue) -> None:
    TrainingData.create("training", pd.DataFrame({"text": ["a"], "label": ["neg"]}), text="text", label="label",
                        source="a")  # fmt: skip
    files = ("adjudicate", "one.csv", "other.csv", "--queue", "queue", "--out", "done.csv", "--add-to")
    pd.DataFrame({"message": ["b"]}).to_csv("test.csv", index=False)
    assert "there is no file 'tset.csv'" in cli(*files, "training", "--test", "tset.csv").error
    assert "'text' is not in the data" in cli(*files, "training", "--test", "test.csv").error
    assert "1.0 is not in the range 0<=x<1" in cli(*files, "training", "--held-out", "1.0").err
    Path("training/rows-0001.jsonl").write_text("{}", encoding="utf-8")
    assert "rows-0001.jsonl was changed" in cli(*files, "training").error
    assert mlflow.search_runs(output_format="list") == []
    assert not Path("done.csv").exists()


@pytest.mark.parametrize("logged", [False, True], ids=["file", "run"])
def test_answers_in_review_queues_are_read_beside_files(
    cli: Cli, queue: Queue, logged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def reviews(known: Queue, experiment: str) -> pd.DataFrame:
        asked.append((len(known.cases), experiment))
        return filled(queue, annotator_1=["neg"] * 8) if experiment == "july" else pd.DataFrame()

    monkeypatch.setattr(review_queue, "read_reviews", reviews)
    source = log_queue(queue, labels=["neg", "pos"]).run_id if logged else "queue"
    found = cli("adjudicate", "reviews:july", "other.csv", "--queue", source, "--no-log", "--json").json
    assert (len(found["accepted"]), found["labels"], asked) == (5, ["neg", "pos"], [(8, "july")])
    none = cli("adjudicate", "reviews:june", "other.csv", "--queue", source, "--no-log").error
    assert "'reviews:june': the experiment holds no case of this queue to review" in none


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("one.csv", "--queue", "queue"), "a label takes two annotators or more, but only 'annotator_1'"),
        (("one.csv", "oter.csv", "--queue", "queue"), "Did you mean 'other.csv'?"),
        (("one.csv", "--queue", "gone.jsonl"), "there is no queue 'gone.jsonl'"),
        (("one.csv", "--queue", "no_such_run"), "no run of a queue has the id or name 'no_such_run'"),
        (("one.csv", "--queue", "queue", "--test", "test.csv"), "name its folder with --add-to"),
        (("one.csv", "--queue", "queue", "--add-to", "nowhere"), "'nowhere' holds no training data"),
        (("one.csv", "--queue", "queue", "--out", "no/done.csv"), "there is no folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cli: Cli, queue: Queue, given: tuple[str, ...], message: str) -> None:
    ended = cli("adjudicate", *given)
    assert ended.code == 1
    assert message in ended.error
