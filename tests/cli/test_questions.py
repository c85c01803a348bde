"""`mlflow-evalplus questions`: what it reads, writes, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_evalplus.asking.recorded import read_answers
from mlflow_evalplus.cli.questions import KINDS
from mlflow_evalplus.core.questions import importing
from mlflow_evalplus.core.questions.reading import read_questions
from tests.cli.test_commands import Cli, program
from tests.core.questions.tools_files import generated, write_lines

ROWS = [
    {"id": "a-en", "input": "Why?", "type": "exact", "gold": "so", "dimension": "talk", "twin": "a-zh",
     "tags": {"language": "en"}},
    {"id": "a-zh", "input": "为何？", "type": "exact", "gold": "故", "dimension": "talk", "twin": "a-en",
     "tags": {"language": "zh"}},
    {"id": "b", "input": "2 + 3?", "type": "numeric", "gold": 5, "dimension": "sums", "tags": {"language": "en"}},
    {"id": "c", "input": "2 + 3?", "type": "numeric", "gold": 5, "dimension": "sums", "tags": {"language": "en"}},
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return what runs the command in a folder with set.jsonl and lm-eval's samples; it needs no MLflow store."""
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "set.jsonl", ROWS)
    lines = [generated(at, f"Say {at}", f"word {at}", [f"word {at}", "no"]) for at in range(3)]
    write_lines(tmp_path / "m-1" / "samples_talk_2026-08-26T11-15-14.6.jsonl", lines)
    return program(monkeypatch, capsys, "questions")


def test_a_set_is_checked_and_counted(run: Cli) -> None:
    ended = run("set.jsonl")
    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["dimension", "type", "en", "zh", "questions"] in rows
    assert ["talk", "exact", "1", "1", "2"] in rows
    assert ["sums", "numeric", "2", "2"] in rows
    assert f"4 questions, 1 pair of twins, 3 clusters; digest {read_questions('set.jsonl').digest}" in ended.out
    assert "Asked in the same words: b, c; give them one 'cluster'" in ended.out


def test_json_holds_the_same(run: Cli) -> None:
    found = run("set.jsonl", "--json").json
    assert (found["n"], found["n_twins"], found["n_clusters"]) == (4, 1, 3)
    assert {"dimension": "talk", "type": "exact", "language": "zh", "n": 1} in found["counts"]
    assert sum(row["n"] for row in found["counts"]) == 4
    assert found["asked_twice"] == [["b", "c"]]
    assert (found["answers"], found["notes"]) == ({}, [])


def test_another_tools_file_becomes_ours(run: Cli) -> None:
    ended = run("m-1", "--from", "lm-eval", "--output", "questions.jsonl", "--answers", "answers.jsonl")
    assert ended.code == 0
    assert "m-1: 6 answers" in ended.out
    assert [question.gold for question in read_questions("questions.jsonl")] == [("word 0",), ("word 1",), ("word 2",)]
    assert [(a.candidate, a.question, a.repeat, a.text) for a in read_answers("answers.jsonl")][:2] == [
        ("m-1", "0", 0, "word 0"), ("m-1", "0", 1, "no")
    ]  # fmt: skip
    assert run("questions.jsonl", "--json").json["digest"] == read_questions("questions.jsonl").digest


def test_what_was_left_out_is_said(run: Cli) -> None:
    lines = [generated(0, "Say", "so", ["so"]), generated(1, "Say", "", ["so"])]
    write_lines(Path("m-1") / "samples_talk_2026-08-26T11-15-14.6.jsonl", lines)
    assert "Note: 1 sample left out: there is no right answer" in run("m-1", "--from", "lm-eval").out


def test_every_mistake_is_printed_and_nothing_is_written(run: Cli) -> None:
    write_lines(Path("set.jsonl"), [{**ROWS[2], "weight": 0}, {**ROWS[3], "gold": "five"}])
    ended = run("set.jsonl", "--output", "out.jsonl")
    assert ended.code == 1
    lines = ended.err.splitlines()
    assert lines[0] == "Error: set.jsonl has 2 mistakes:"
    assert lines[1].startswith("  line 1: weight: ")
    assert lines[2].startswith("  line 2: gold: ")
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("none.jsonl",), 1, "there is no file 'none.jsonl'"),
        (("set.jsonl", "--answers", "a.jsonl"), 2, "--answers goes with --from"),
        (("set.jsonl", "--output", "no/a.jsonl"), 1, "cannot write 'no/a.jsonl': there is no folder"),
        (("m-1", "--from", "inspect"), 1, "is none of Inspect's datasets: line 1 has no 'input'"),
        (("set.csv", "--from", "csv", "--answers", "a.jsonl"), 1, "no answers to write to 'a.jsonl'"),
        ((), 2, "Missing argument 'FILE...'"),
    ],
)
def test_what_is_wrong_is_said(run: Cli, given: tuple[str, ...], code: int, said: str) -> None:
    Path("set.csv").write_text("input,gold\nWhy?,so\n")
    ended = run(*given)
    assert ended.code == code
    assert said in ended.err


def test_the_kinds_are_those_of_the_importer() -> None:
    assert sorted(importing.KINDS) == list(KINDS)


def test_a_file_says_so_once_per_language_only_where_there_are_two(run: Cli) -> None:
    write_lines(Path("one.jsonl"), [json.loads(json.dumps(ROWS[2])), ROWS[3]])
    assert ["dimension", "type", "questions"] in [line.split() for line in run("one.jsonl").out.splitlines()]
