"""`mlflow-evalplus load`: what it asks, prints, writes and refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mlflow_evalplus.render.markdown import escape
from tests.asking.fake_server import ALWAYS, Behaviour, FakeServer
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli
LOAD = ("load", "--candidates", "candidates.yaml", "--questions", "questions.jsonl", "--rate", "50")


@pytest.fixture
def server(store: str) -> Iterator[FakeServer]:
    """Serve, and write the files that name this server into the working folder."""
    behaviours = {"Question 1?": Behaviour("x", "refused", times=ALWAYS)}
    with FakeServer(behaviours, latency=0.01) as serving:
        candidates = [
            {"name": "small", "endpoint": serving.base_url, "model": "fake", "stream": True},
            {"name": "old", "answers": "old.jsonl"},
        ]
        Path("candidates.yaml").write_text(yaml.safe_dump({"candidates": candidates, "system": "Be short."}))
        Path("old.jsonl").write_text(json.dumps({"candidate": "old", "question": "q0", "text": "x"}) + "\n")
        lines = [{"id": f"q{n}", "input": f"Question {n}?", "type": "exact", "dimension": "d", "gold": "x"}
                 for n in range(2)]  # fmt: skip
        Path("questions.jsonl").write_text("\n".join(map(json.dumps, lines)))
        yield serving


def test_an_endpoint_is_put_under_load_and_the_page_is_written(cli: Cli, server: FakeServer) -> None:
    ended = cli(*LOAD, "--requests", "20", "--output", "load.md")
    assert ended.code == 0
    assert "50.0 % of them" in " ".join(ended.out.split())
    for shown in ("errors: refused_request", "latency, from when each request was due", "time to the first token"):
        assert shown in ended.out
    assert "10 of 20 requests have no answer; the percentiles leave them out." in ended.out
    page = Path("load.md").read_text(encoding="utf-8")
    assert page.startswith("### Load test\n\nsmall ")
    assert f"| address | {escape(server.base_url)} |" in page
    assert {call.words.splitlines()[0] for call in server.seen} == {"Be short."}
    assert len(server.seen) == 21


def test_json_is_for_machines(cli: Cli, server: FakeServer) -> None:
    server.behaviours = {}
    ended = cli(*LOAD, "--name", "small", "--seconds", "0.4", "--arrivals", "constant", "--seed", "5", "--json")
    assert ended.code == 0
    found = ended.json
    assert (found["candidate"], found["n_due"], found["n_answered"], found["errors"]) == ("small", 20, 20, {})
    assert found["latency_ms"]["p50"]["value"] >= 10
    assert found["sentence"].startswith("small")
    assert found["seed"] == 5


def test_without_seconds_or_requests_it_runs_for_30_seconds(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow_evalplus.asking import load_test
    from mlflow_evalplus.errors import EvalPlusError

    def stopped(*_: object, **given: object) -> None:
        raise EvalPlusError(f"seconds={given['seconds']} n={given['n']}")

    monkeypatch.setattr(load_test, "load_test", stopped)
    assert cli(*LOAD).error == "Error: seconds=30 n=None"
    assert cli(*LOAD, "--requests", "7").error == "Error: seconds=None n=7"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--name", "smal"), "no candidate is called 'smal'; there are ['small', 'old']. Did you mean 'small'?"),
        (("--name", "old"), "candidate 'old' holds recorded answers: there is nobody to put under load"),
        (("--output", "none/load.md"), "cannot write 'none/load.md'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_anything_is_asked(
    cli: Cli, server: FakeServer, more: tuple[str, ...], told: str
) -> None:
    ended = cli(*LOAD, "--requests", "5", *more)
    assert (ended.code, told in ended.error) == (1, True)
    assert server.seen == []


def test_of_several_endpoints_one_is_to_be_named(cli: Cli, server: FakeServer) -> None:
    content = yaml.safe_load(Path("candidates.yaml").read_text())
    content["candidates"].append({**content["candidates"][0], "name": "large", "model": "other"})
    Path("candidates.yaml").write_text(yaml.safe_dump(content))
    assert "name one of the candidates with --name: ['small', 'old', 'large']" in cli(*LOAD).error


def test_seconds_and_requests_together_are_refused(cli: Cli, server: FakeServer) -> None:
    ended = cli(*LOAD, "--requests", "5", "--seconds", "1")
    assert (ended.code, "not both" in ended.err) == (2, True)
