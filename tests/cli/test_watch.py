from __future__ import annotations

import json
import os
import signal
from typing import Any

import mlflow
import pytest

from mlflow_evalplus.render import watched
from mlflow_evalplus.results.watched import DataVersion, WatchBegin, WatchedModel, WatchPass, WatchProblem
from mlflow_evalplus.tracking.watching import watch
from tests.cli import test_commands
from tests.cli.test_commands import Cli, Ended
from tests.tracking.watching.bare import ROWS, bare_models, quick, write

cli = test_commands.cli
ONCE = ("watch", "--experiment", "tests", "--once", "--data")


def lines(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_each_evaluation_is_one_line_and_the_exit_code_says_whether_all_went_well(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, bad = bare_models("good", "bad")

    def before(model: str) -> None:
        print("a model may print")
        if model == bad:
            raise RuntimeError("odd")

    monkeypatch.setattr(watch, "evaluate_on", quick([], before))
    ended = cli(*ONCE, write(ROWS))
    assert ended.code == 1
    assert "Evaluating bad (try 1 of 3) …\n" in ended.err
    data, first, second, end = ended.out.splitlines()
    assert data.endswith("20 examples: 2 of 2 models to evaluate, newest first.")
    assert first.startswith("bad: FAILED (try 1): RuntimeError: odd http://127.0.0.1:5000/#/experiments/")
    assert second.startswith("good: UNDECIDED: no threshold was given. http://127.0.0.1:5000/#/experiments/")
    assert end == "2 models: 1 evaluated now, 1 failed, to be tried again."
    ended = cli(*ONCE, "test.csv", "--json", "--tries", "2", "--label", "label", "--text", "text")
    told = lines(ended)
    assert [line["event"] for line in told] == ["data", "evaluating", "given_up", "done"]
    assert (told[1]["model"], told[1]["attempt"], told[1]["tries"]) == ("bad", 2, 2)
    assert (told[2]["model_id"], told[2]["tries"], told[3]["given_up"]) == (bad, 2, 1)
    assert ended.code == 1
    monkeypatch.setattr(watch, "evaluate_on", quick([]))
    ended = cli(*ONCE, "test.csv")
    assert ended.code == 0
    assert cli(*ONCE, "test.csv").out.splitlines()[-1] == "2 models: 0 evaluated now."
    assert mlflow.get_run(told[2]["run_id"]).info.status == "FAILED"
    assert good in {run.data.tags["evalplus.claim"].split()[0] for run in mlflow.search_runs(output_format="list")}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--experiment", "test"), "there is no experiment 'test'; experiments are"),
        (("--data", "nowhere.csv"), "there is no file 'nowhere.csv'"),
        (("--label", "gold"), "'gold'"),
        (("--requirements", "none.yaml"), "none.yaml"),
    ],
)
def test_a_mistake_is_one_line(cli: Cli, arguments: tuple[str, str], error: str) -> None:
    given = {"--experiment": "tests", "--data": write(ROWS), arguments[0]: arguments[1]}
    ended = cli("watch", *(word for pair in given.items() for word in pair))
    assert ended.code == 1
    assert error in ended.error


def test_a_server_that_is_down_ends_a_single_look(cli: Cli, store: str) -> None:
    path = write(ROWS)
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    ended = cli(*ONCE, path)
    mlflow.set_tracking_uri(store)
    assert ended.code == 1
    assert "the tracking server http://127.0.0.1:9 does not answer" in ended.error


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_loop_cleanly(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(watch.Watcher, "forever", lambda self, interval: os.kill(os.getpid(), number))
    ended = cli("watch", "--experiment", "tests", "--data", write(ROWS))
    assert (ended.code, ended.err) == (code, "Stopped.\n")
    assert signal.getsignal(number) is before


def test_problems_go_to_the_error_stream_and_in_json_to_the_output(
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forever(self: watch.Watcher, interval: float) -> None:
        assert interval == 5
        self.on_event(WatchProblem("away"))
        self.on_event(WatchProblem(""))
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.Watcher, "forever", forever)
    loop = ("watch", "--experiment", "tests", "--data", "test.csv", "--interval", "5")
    assert cli(*loop).err == "away. Waiting.\nIt works again.\nStopped.\n"
    told = lines(cli(*loop, "--json"))
    assert told == [{"event": "problem", "reason": "away"}, {"event": "recovered", "reason": ""}]


HOSTILE = (
    "<script>",
    "\x1b[31mred",
    "a\nb\r\x00",
    "\u202eabc",
    "[bold]",
    ":warning:",
    "好" * 5,
    "x" * 100_000,
    "\ud800",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_moves_the_cursor_or_takes_more_than_a_line(text: str) -> None:
    model = WatchedModel("failed", text, "m-1", "r", "http://x", "", text, 1, 3, "abc")
    line = watched.line(model)
    assert line.isprintable()
    assert len(line) < 2 * watched.MAX_LINE + 100
    line.encode()
    assert line.endswith(" http://x (3 to go)")
    if text.isprintable() and len(text) < 100:
        assert line.startswith(f"{text}: FAILED (try 1): {text} ")
    assert watched.line(WatchProblem(text)).isprintable()
    begun = watched.line(WatchBegin(text, "m-1", "r", 2, 3, "abc"))
    assert begun.isprintable()
    assert begun.startswith("Evaluating ")
    assert begun.endswith(" (try 2 of 3) …")


@pytest.mark.parametrize(
    ("reason", "line"),
    [("'x' has no rows", "'x' has no rows. Waiting."), ("Gone.\n", "Gone. Waiting."), ("Why?", "Why? Waiting.")],
)
def test_a_problem_is_a_sentence(reason: str, line: str) -> None:
    assert watched.line(WatchProblem(reason)) == line


def test_what_a_pass_comes_to_is_said_in_words() -> None:
    def model(event: str) -> WatchedModel:
        return WatchedModel(event, "m", "m-1", "r", "http://x", "", "", 2, 0, "abc")

    done = WatchPass("1", "abc", 1_200, 2, (model("evaluated"), model("failed"), model("given_up")))
    assert not done.ok
    assert watched.end(done) == (
        "1,200 models: 1 evaluated now, 1 failed, to be tried again, 1 given up, 2 in the hands of another watcher."
    )
    assert WatchPass("1", "abc", 1, 0, (model("evaluated"),)).ok
    assert watched.line(DataVersion("abc", 1_800, 1, 0)) == "Data abc, 1,800 examples: nothing to do for 1 model."
    assert watched.line(model("given_up")).startswith("m: GIVEN UP (failed 2 times): ")
