"""JUnit XML that every parser reads, whatever the data hold, and that is never green without a pass."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.evaluation import evaluate
from mlflow_evalplus.render.junit import MAX_MESSAGE, MAX_NAME, junit, junit_error
from mlflow_evalplus.results import Evaluation, Gate, Outcome, Verdict
from tests.generated import inputs
from tests.render.test_markdown import CONTROL, HOSTILE

EVALUATION = evaluate(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "b"]}))
FURTHER = ("]]>", "\ufffe\uffff", "\ud800", "\r\n\t")


def with_gates(*gates: Gate, notes: tuple[str, ...] = ()) -> Evaluation:
    outcomes = {gate.outcome for gate in gates}
    worst = next((o for o in (Outcome.FAIL, Outcome.UNDECIDED) if o in outcomes), Outcome.PASS)
    return replace(EVALUATION, verdict=Verdict(worst, gates, notes))


def cases(text: str) -> list[ET.Element]:
    (suite,) = ET.fromstring(text.encode()).findall("testsuite")
    found = suite.findall("testcase")
    failed = [case for case in found if case.find("failure") is not None]
    assert suite.get("tests") == str(len(found))
    assert suite.get("failures") == str(len(failed))
    assert {suite.get(name) for name in ("errors", "skipped")} == {"0"}
    return found


def failure(case: ET.Element) -> tuple[str, str, str] | None:
    found = case.find("failure")
    return None if found is None else (str(found.get("type")), str(found.get("message")), str(found.text))


def test_each_gate_is_a_test_case_and_only_a_pass_is_green() -> None:
    asked = [f"accuracy at least 0.{i}" for i in range(3)]
    gates = [Gate(words, o, f"{words}: because {o}") for words, o in zip(asked, Outcome, strict=True)]
    found = cases(junit(with_gates(*gates), "words"))
    assert [(case.get("classname"), case.get("name")) for case in found] == [("words", words) for words in asked]
    assert [failure(case) for case in found] == [
        None, ("fail", "because fail", "because fail"), ("undecided", "because undecided", "because undecided")
    ]  # fmt: skip
    assert found[0].findtext("system-out") == "because pass"


def test_without_a_threshold_there_is_a_test_case_that_fails() -> None:
    (case,) = cases(junit(EVALUATION, "words"))
    assert case.get("name") == "no threshold was given"
    assert failure(case) is not None


def test_an_error_is_a_test_case_that_fails() -> None:
    (case,) = cases(junit_error("no run <x>\x00"))
    assert failure(case) == ("error", "no run <x>␀", "no run <x>␀")


def test_the_properties_say_what_was_judged() -> None:
    asked = {"thresholds": [{"metric": "accuracy", "min": 0.5}]}
    evaluation = evaluate(pd.DataFrame({"label": ["a", "b"], "prediction": ["a", "b"]}), requirements=asked)
    verdict = replace(evaluation.verdict, notes=("timed on a busy machine",), baseline="old (9c1d)")
    evaluation = replace(evaluation, verdict=verdict)
    root = ET.fromstring(junit(evaluation, "words", "3f2a").encode())
    properties = {str(p.get("name")): p.get("value") for p in root.iter("property")}
    assert evaluation.requirements
    assert properties == {
        "run": "words", "run_id": "3f2a", "verdict": "undecided", "examples": "2", "note_1": "timed on a busy machine",
        "requirements_digest": evaluation.requirements.digest, "data_digest": evaluation.data_digest,
        "baseline": "old (9c1d)",
    }  # fmt: skip


def test_gates_of_one_name_stay_apart() -> None:
    """Of test cases with one name GitLab shows the first only; names that were cut may be alike too."""
    long = "x" * 1000
    gates = [Gate(name, Outcome.FAIL, "why") for name in ("same", "same", "same", f"{long}1", f"{long}2")]
    names = [case.get("name") for case in cases(junit(with_gates(*gates), "words"))]
    assert names[:3] == ["same", "same (2)", "same (3)"]
    assert len(set(names)) == 5


def assert_readable(text: str) -> None:
    run = f"run {text}"
    evaluation = with_gates(Gate(text, Outcome.FAIL, f"{text}: {text}"), notes=(text,))
    page = junit(evaluation, run, text)
    (case,) = cases(page)
    assert not CONTROL & set("".join(page.splitlines()))
    assert not {"\ufffe", "\uffff"} & set(page)
    assert len(str(case.get("name"))) <= MAX_NAME
    assert failure(case) is not None
    assert len(failure(case)[1]) <= MAX_MESSAGE  # type: ignore[index]
    if text.isprintable() and len(run) <= MAX_NAME:
        assert (case.get("classname"), case.get("name")) == (run, text)


@pytest.mark.parametrize("text", [*HOSTILE, *FURTHER], ids=lambda text: repr(text[:20]))
def test_hostile_text_is_a_file_that_parses(text: str) -> None:
    assert_readable(text)


@settings(deadline=None, max_examples=inputs(60))
@given(st.text(st.characters(), max_size=40))
def test_any_text_is_a_file_that_parses(text: str) -> None:
    assert_readable(text)
