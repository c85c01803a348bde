"""The whole way against a real server: asked, scored, asked again, decided; with a journal nothing is asked twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mlflow_evalplus.core.questions.question import Question
from mlflow_evalplus.core.questions.reading import question_set
from mlflow_evalplus.errors import EvalPlusError, RequirementsError
from mlflow_evalplus.render.selection_steps import steps
from mlflow_evalplus.results import Answer
from mlflow_evalplus.tracking.selection.select import NOT_RECORDED, plan_of, select
from tests.asking.fake_server import Behaviour, FakeServer

N = 24
QUESTIONS = question_set(
    [
        {"id": f"q{i}", "input": f"What is code number {i}?", "gold": f"k{i}", "type": "exact",
         "dimension": ("codes", "names")[i % 2], "context": f"Code {i} is k{i}."}
        for i in range(N)
    ]
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Answer all but two rightly; one needs the context, one never works."""
    behaviours = {f"code number {i}?": Behaviour(f"k{i}") for i in range(N)}
    behaviours["code number 3?"] = Behaviour("k3", fault="knowledge", wrong="k4", context="Code 3 is k3")
    behaviours["code number 5?"] = Behaviour("k5", fault="refused")
    with FakeServer(behaviours) as running:
        yield running


def written(folder: Path, base_url: str, **more: object) -> Path:
    path = folder / "candidates.yaml"
    one = {"name": "one", "endpoint": base_url, "model": "m", "api_key_env": "THE_KEY"}
    path.write_text(yaml.safe_dump({"candidates": [one], **more}), encoding="utf-8")
    return path


def test_a_server_is_asked_once_diagnosed_and_never_asked_again(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-very-secret")
    plan = plan_of(written(tmp_path, server.base_url, journal="kept.jsonl"))
    steps, came = list[str](), list[Answer]()
    found = select(QUESTIONS, plan, on_step=steps.append, on_answer=came.append).selection
    one = found["one"]
    assert one.measures["coverage"].value == pytest.approx((N - 1) / N)
    assert one.score.n == N - 1
    assert {cause.question: cause.cause for cause in one.causes.items} == {"q3": "knowledge", "q5": "call_error"}
    assert found.decision.outcome in ("choose", "undecided")
    assert steps[0] == "asking one 24 questions"
    assert len(came) == len(server.seen)
    assert "very-secret" not in (tmp_path / "kept.jsonl").read_text(encoding="utf-8")

    asked = len(server.seen)
    again = select(QUESTIONS, plan_of(written(tmp_path, server.base_url, journal="kept.jsonl"))).selection
    assert len(server.seen) == asked + 1  # the refused one, whose error is no answer
    assert again["one"].score == one.score
    rescored = select(
        QUESTIONS, plan_of(written(tmp_path, server.base_url, journal="kept.jsonl")), rescore=True,
        scorers={"exact": lambda question, text: 0.5},
    ).selection  # fmt: skip
    assert len(server.seen) == asked + 1
    assert rescored["one"].score.value == pytest.approx(0.5)


def test_repeats_are_asked_apart_and_a_system_prompt_goes_with_each(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "x")
    plan = plan_of(written(tmp_path, server.base_url, system="Be brief.", journal="kept.jsonl"))
    found = select(QUESTIONS, plan, repeats=2, why=False).selection
    assert {len(item.answers) for item in found["one"].items} == {2}
    assert len(server.asked("code number 7?")) == 2
    assert all(seen.body["messages"][0]["content"] == "Be brief." for seen in server.seen)
    assert found["one"].causes.items == ()


def recorded(folder: Path, name: str, rows: list[dict[str, object]]) -> dict[str, str]:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {"name": name, "answers": path.name}


def test_recorded_answers_call_nobody_and_a_missing_one_is_no_zero(tmp_path: Path, store: str) -> None:
    whole = recorded(tmp_path, "whole", [{"question": f"q{i}", "text": f"k{i}"} for i in range(N)])
    part = recorded(tmp_path, "part", [{"question": f"q{i}", "text": f"k{i}"} for i in range(12)])
    path = tmp_path / "candidates.yaml"
    path.write_text(yaml.safe_dump({"candidates": [whole, part], "repeats": 2}), encoding="utf-8")
    found = select(QUESTIONS, path).selection
    assert (found["part"].score.value, found["part"].measures["coverage"].value) == (1.0, 0.5)
    assert found["part"].items[20].answers[0].message == NOT_RECORDED
    assert {len(item.answers) for item in found["whole"].items} == {1}  # one repeat is recorded, and not made up
    pair = found.pairs[0]
    assert pair.score.n == 12
    assert not (Path.cwd() / "selection.journal.jsonl").exists()


def test_some_candidates_a_budget_and_own_scorers(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "text": "K" * i} for i in range(N)]
    path = tmp_path / "candidates.yaml"
    two = [recorded(tmp_path, name, rows) for name in ("a", "b")]
    path.write_text(yaml.safe_dump({"candidates": two}), encoding="utf-8")
    plan = plan_of(path, only=["b"], budget=2.5)
    assert [candidate.name for candidate in plan.candidates] == ["b"]
    assert plan.budget is not None
    assert plan.budget.amount == 2.5
    with pytest.raises(EvalPlusError, match="nobody is called 'c'; candidates are"):
        plan_of(path, only=["c"])

    def long(question: Question, text: str) -> bool:
        return len(text) >= 12

    found = select(QUESTIONS, plan, scorers={"codes": long, "names": long}, why=False).selection
    assert found["b"].score.value == 0.5


def test_a_model_that_is_gone_ends_no_run_of_the_others(tmp_path: Path, store: str) -> None:
    rows: list[dict[str, object]] = [{"question": f"q{i}", "text": f"k{i}"} for i in range(N)]
    path = tmp_path / "candidates.yaml"
    big = recorded(tmp_path, "big", rows)
    two = [{"name": "gone", "model": "models:/no-such-model/1"}, big]
    path.write_text(yaml.safe_dump({"candidates": two}), encoding="utf-8")
    with pytest.raises(RequirementsError, match=r"candidates\.0\.model: "):
        plan_of(path)
    found = select(QUESTIONS, plan_of(path, only=["big"]), why=False).selection
    assert [candidate.name for candidate in found.candidates] == ["big"]


def test_that_nobody_answers_is_an_error_that_says_why_and_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong key is found out by the first run of every user; 'every candidate fails a gate' would blame the model."""
    monkeypatch.setenv("THE_KEY", "sk-very-secret")
    with FakeServer({}, default=Behaviour("", fault="authentication")) as server:
        path = written(tmp_path, server.base_url, journal="kept.jsonl")
        with pytest.raises(
            EvalPlusError, match=r"no candidate answered anything:\n  one at http.* 24 of 24 auth"
        ) as told:
            select(QUESTIONS, plan_of(path))
    assert "very-secret" not in str(told.value)


def test_that_one_of_two_answers_nothing_is_told_beside_the_verdict(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_text(
        "".join(json.dumps({"question": f"q{i}", "text": f"k{i}"}) + "\n" for i in range(N)), encoding="utf-8"
    )
    (tmp_path / "none.jsonl").write_text('{"question": "another", "text": "yes"}\n', encoding="utf-8")
    path = tmp_path / "candidates.yaml"
    path.write_text("candidates: [{name: old, answers: old.jsonl}, {name: none, answers: none.jsonl}]")
    found = select(QUESTIONS, plan_of(path)).selection
    assert any(step.startswith(f"none: {N} of {N} answers never came (“{NOT_RECORDED}”)") for step in steps(found))


def test_rescoring_without_a_journal_makes_none_and_says_so(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "sk-very-secret")
    plan = plan_of(written(tmp_path, server.base_url, journal="kept.jsonl"))
    with pytest.raises(EvalPlusError, match="--rescore calls nobody, so ask them first without it"):
        select(QUESTIONS, plan, rescore=True)
    assert server.seen == []
    assert not (tmp_path / "kept.jsonl").exists()


def test_a_slip_in_the_requirements_is_told_before_anybody_is_asked(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may take an hour and cost money: a gate on a dimension that there is not has to be told before."""
    monkeypatch.setenv("THE_KEY", "sk-very-secret")
    gates = {"selection": {"gates": [{"metric": "score", "dimension": "cods", "min": 0.5}]}}
    with pytest.raises(RequirementsError, match="Did you mean 'codes'"):
        select(QUESTIONS, plan_of(written(tmp_path, server.base_url, journal="kept.jsonl")), gates)
    assert server.seen == []
