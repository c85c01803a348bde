"""`mlflow-evalplus select`: what it prints, logs, writes and refuses, and with which exit code it ends."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
import yaml

from mlflow_evalplus import names
from mlflow_evalplus.core.questions.question import QuestionSet
from mlflow_evalplus.core.questions.reading import read_questions
from mlflow_evalplus.core.questions.writing import write_questions
from recipes.selection import CANDIDATES, QUESTIONS, REQUIREMENTS
from tests.asking.fake_server import Behaviour, FakeServer
from tests.cli import test_commands
from tests.cli.test_commands import Cli

cli = test_commands.cli
SHIPPED = ("select", str(QUESTIONS), "--candidates", str(CANDIDATES))


@pytest.mark.slow
def test_it_says_whom_to_take_and_logs(cli: Cli, store: str) -> None:
    printed = cli(*SHIPPED, "--requirements", str(REQUIREMENTS))
    runs = mlflow.MlflowClient().search_runs(["1"], f"tags.`{names.TAG_KIND}` = 'selection'")
    assert len(runs) == 1
    chosen = runs[0].data.tags[names.TAG_CHOSEN]
    assert f"Take {chosen}" in printed.out
    assert f"Logged as run {runs[0].info.run_id}" in printed.out
    assert "selection.html" in printed.out


def test_json_is_strict_and_holds_no_answer(cli: Cli, store: str) -> None:
    printed = cli(*SHIPPED, "--requirements", str(REQUIREMENTS), "--no-log", "--json", "--only", "small,large")
    told = printed.json
    assert {candidate["name"] for candidate in told["candidates"]} == {"small", "large"}
    assert told["decision"]["chosen"] == "large"
    assert "items" not in told["candidates"][0]
    assert told["run_id"] is None
    assert not mlflow.MlflowClient().search_runs(["1"])


def test_every_candidate_that_fails_a_gate_ends_with_3(cli: Cli, store: str) -> None:
    asked = {"selection": {"gates": [{"metric": "score", "min": 0.99}]}}
    Path("hard.yaml").write_text(yaml.safe_dump(asked), encoding="utf-8")
    printed = cli(*SHIPPED, "--requirements", "hard.yaml", "--no-log", "--output", "page.html")
    assert printed.code == 3
    assert "page.html" in printed.err
    assert "<html" in Path("page.html").read_text(encoding="utf-8")


def test_a_tie_of_which_none_is_to_be_taken_ends_with_4(cli: Cli, store: str) -> None:
    """0 says to a script that there is a model to take; here there is none: the three are the same one."""
    answers = Path("same.jsonl")
    answers.write_text((CANDIDATES.parent / "recorded" / "large.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    spec = {"candidates": [{"name": name, "answers": "same.jsonl", "candidate": "large"} for name in ("one", "two")]}
    Path("twins.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    printed = cli("select", str(QUESTIONS), "--candidates", "twins.yaml", "--no-log", "--no-why", "--json")
    decision = printed.json["decision"]
    assert (decision["outcome"], decision["chosen"]) == ("tied", "")
    assert printed.code == 4


def test_ctrl_c_says_where_the_answers_are_and_how_to_go_on(
    cli: Cli, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlflow_evalplus.tracking.selection.select.select", stopped)
    printed = cli(*SHIPPED, "--journal", "mine.jsonl")
    assert printed.code == 130
    assert "The answers that came are in mine.jsonl; the same command goes on from there." in printed.err


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (("--only", "huge"), "nobody is called 'huge'; candidates are ['large', 'small', 'tuned']."),
        (("--register", "m", "--no-log"), "--register needs the run of the selection"),
        (("--take", "small"), "--take, --force and --why-take are about what is registered; give --register NAME"),
        (("--register", "m", "--take", "smal"), "nobody is called 'smal'; asked are ['large', 'small', 'tuned']. Did"),
        (("--register", "m", "--force", "--why-take", "x"), "give --take CANDIDATE as well"),
        (("--register", "m", "--force", "--take", "small"), "--force needs a reason: --why-take"),
        (("--output", "nowhere/page.html"), "there is no folder"),
        (("--requirements", "none.yaml"), "none.yaml"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, store: str, extra: tuple[str, ...], told: str) -> None:
    printed = cli(*SHIPPED, *extra)
    assert printed.code == 1
    assert told in printed.error


@pytest.mark.slow
def test_recorded_answers_cannot_be_registered_and_the_evidence_stays(cli: Cli, store: str) -> None:
    printed = cli(*SHIPPED, "--requirements", str(REQUIREMENTS), "--register", "support")
    assert printed.code == 1
    assert "recorded" in printed.err
    assert len(mlflow.MlflowClient().search_runs(["1"], f"tags.`{names.TAG_KIND}` = 'selection'")) == 1


@pytest.mark.slow
def test_where_nobody_is_chosen_one_is_registered_by_its_name(cli: Cli, store: str) -> None:
    """Of 2 questions nothing is decided; what was asked is in the journal, so the same command again is free."""
    write_questions(QuestionSet(read_questions(QUESTIONS).questions[:2], ""), "few.jsonl")
    with FakeServer(default=Behaviour("C")) as server:
        spec = [{"name": name, "endpoint": server.base_url, "model": name} for name in ("small", "large")]
        Path("own.yaml").write_text(yaml.safe_dump({"candidates": spec}), encoding="utf-8")
        asked = ("select", "few.jsonl", "--candidates", "own.yaml", "--no-why", "--register", "support")
        nobody = cli(*asked)
        assert nobody.code == 1
        assert "all the same, as challenger, name it: --take CANDIDATE" in nobody.error
        n = len(server.seen)
        taken = cli(*asked, "--take", "small")
        assert taken.code == 4
        assert "support version 1 is challenger" in taken.out
        forced = cli(*asked, "--take", "large", "--force", "--why-take", "it runs here")
        assert "support version 2 is champion" in forced.out
        assert len(server.seen) == n
    client = mlflow.MlflowClient()
    assert client.get_model_version_by_alias("support", "challenger").tags[names.TAG_RUN]
    assert "it runs here" in client.get_model_version_by_alias("support", "champion").description
