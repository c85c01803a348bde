"""Recorded answers: the line, the file, the candidate."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.asking.engine import ask_all
from mlflow_evalplus.asking.journal import Journal
from mlflow_evalplus.asking.lines import as_answer, as_line
from mlflow_evalplus.asking.prices import Price
from mlflow_evalplus.asking.recorded import Recorded, read_answers, write_answers
from mlflow_evalplus.core.questions.request import Request
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import CALL_ERRORS, Answer
from tests.asking.asking import ask, endpoint, request
from tests.asking.fake_server import Behaviour, FakeServer
from tests.generated import inputs

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
tokens = st.none() | st.integers(0, 10**6)
numbers = st.just(math.nan) | st.floats(0, 1e6)
texts = st.text(max_size=40)  # with halves of surrogate pairs, and every line break there is
said = st.tuples(texts, st.just(""), st.just("")) | st.tuples(st.none(), st.sampled_from(CALL_ERRORS), texts)
answers = st.builds(
    lambda said, *rest: Answer(*rest[:4], said[0], rest[4], said[1], said[2], *rest[5:]),
    said, names, names, st.sampled_from(["", "again", "context"]), st.integers(0, 5), st.sampled_from(["", "stop"]),
    tokens, tokens, tokens, numbers, numbers, st.integers(0, 9), numbers,
)  # fmt: skip


def same(a: Answer, b: Answer) -> bool:
    return repr(a) == repr(b)  # nan is not nan


@given(answers)
@settings(max_examples=inputs(200), deadline=None)
def test_an_answer_is_one_line_and_the_same_again(answer: Answer) -> None:
    line = as_line(answer)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    back = as_answer(json.loads(line.encode()))
    assert isinstance(back, Answer)
    assert same(back, answer)


@given(st.lists(answers, max_size=20, unique_by=lambda a: (a.candidate, a.question, a.variant, a.repeat)))
@settings(max_examples=inputs(60), deadline=None)
def test_a_file_is_the_same_again(tmp_path_factory: pytest.TempPathFactory, some: list[Answer]) -> None:
    path = tmp_path_factory.mktemp("recorded") / "answers.jsonl"
    write_answers(path, some)
    if some:
        assert all(map(same, read_answers(path), some))
    else:
        with pytest.raises(DataError, match="is empty"):
            read_answers(path)


def test_what_is_as_by_default_is_left_out() -> None:
    assert as_line(Answer("a", "q", text="B")) == '{"candidate":"a","question":"q","text":"B"}\n'


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    lines = [
        '{"candidate":"a","question":"q1","text":"B"}', "nonsense", '{"question":"q1","txt":"B"}',
        '{"question":"q1"}', '{"question":"q1","text":"B","error":"timeout"}', '{"question":"q1","error":"tired"}',
        '{"question":"q1","text":"B","repeat":-1}', '{"question":"q1","text":"B","seconds":"long"}', "",
        '{"candidate":"a","question":"q1","text":"C"}', '{"text":"C"}',
    ]  # fmt: skip
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError) as error:
        read_answers(tmp_path / "answers.jsonl", "a")
    told = str(error.value)
    assert "has 9 mistakes" in told
    for line, words in [
        (2, "is not JSON"), (3, "unknown key 'txt'. Did you mean 'text'?"),
        (4, "a line has either 'text'"), (5, "a line has either 'text'"),
        (6, "error: 'tired' is none of"), (7, "repeat: counts from 0"), (8, "seconds: Input should be a valid number"),
        (10, "answers the same question and repeat as line 1"), (11, "question: is missing"),
    ]:  # fmt: skip
        assert f"  line {line}: {words}" in told


def test_a_table_of_answers_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "answers.csv").write_text('question,text,repeat,seconds\nq1,"B, or C",0,0.5\nq1,B,1,\n')
    first, second = read_answers(tmp_path / "answers.csv", "old")
    assert (first.candidate, first.text, first.seconds, second.repeat) == ("old", "B, or C", 0.5, 1)


def answer_to(candidate: Recorded, request: Request) -> Answer | None:
    return asyncio.run(candidate.ask(request))


def test_a_recorded_candidate_answers_what_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write_answers(path, [
        Answer("old", "q1", text="B", prompt_tokens=10, completion_tokens=5, money=1.0),
        Answer("old", "q1", "context", text="C"), Answer("other", "q2", text="D"), Answer("old", "q3", error="timeout"),
    ])  # fmt: skip
    candidate = Recorded("mine", path, of="old")
    found = answer_to(candidate, request("q1"))
    assert found
    assert (found.candidate, found.text, found.money) == ("mine", "B", 1.0)
    again = answer_to(candidate, request("q1", variant="context"))
    assert again
    assert again.text == "C"
    assert [answer_to(candidate, request(*key)) for key in (("q2",), ("q9",))] == [None, None]
    failed = answer_to(candidate, request("q3"))
    assert failed
    assert failed.error == "timeout"
    priced = answer_to(Recorded("old", path, price=Price(100, 1000)), request("q1"))
    assert priced
    assert priced.money == pytest.approx((10 * 100 + 5 * 1000) / 1e6)
    assert not candidate.asks


def test_a_name_that_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    write_answers(tmp_path / "answers.jsonl", [Answer("large", "q1", text="B")])
    with pytest.raises(DataError, match=r"has no answers of 'lage'; it has those of \['large'\].*Did you mean 'large'"):
        Recorded("lage", tmp_path / "answers.jsonl")


def test_the_digest_is_of_the_answers_whatever_their_order(tmp_path: Path) -> None:
    some = [Answer("a", f"q{i}", text="B") for i in range(3)]
    digests = []
    for content in (some, some[::-1], some[:2]):
        write_answers(tmp_path / "answers.jsonl", content)
        digests.append(Recorded("a", tmp_path / "answers.jsonl").digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_journal_serves_as_recorded_answers(tmp_path: Path) -> None:
    """With the answer that came after the error."""
    path = tmp_path / "journal.jsonl"
    with FakeServer({"q1": Behaviour("B", "server", times=1)}) as server:
        for _ in range(2):
            with Journal(path) as journal:
                asked = ask(endpoint(server, max_retries=0), ["q1", "q2"], journal=journal)
    found = answer_to(Recorded("small", path), request("q1"))
    assert same(found, asked[0])  # type: ignore[arg-type]


def test_of_a_journal_the_later_line_counts_once_prompts_have_changed(tmp_path: Path) -> None:
    """Also where it is an error: an answer to other words is none to these."""
    path = tmp_path / "journal.jsonl"
    for words, fault in (("old", ""), ("new", "server")):
        behaviours = {f"{words} {n}": Behaviour(f"{words} {n}") for n in range(3)}
        behaviours[f"{words} 1"] = Behaviour("old 1", fault)
        with FakeServer(behaviours) as server, Journal(path) as journal:
            one = endpoint(server, max_retries=0)
            asked = ask_all([one], {"small": [request(f"{words} {n}", f"q{n}") for n in range(3)]}, journal=journal)
    found = sorted(read_answers(path), key=lambda answer: answer.question)  # lines stand as the answers came
    assert [(a.question, a.text, a.error) for a in found] == [
        ("q0", "new 0", ""), ("q1", None, "server"), ("q2", "new 2", ""),
    ]  # fmt: skip
    assert all(map(same, found, asked["small"]))  # type: ignore[arg-type]
    write_answers(tmp_path / "answers.jsonl", found)
    assert Recorded("small", path).digest == Recorded("small", tmp_path / "answers.jsonl").digest


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"text": "A", "digest": "d", "asked": "x"}, {"text": "B", "digest": "d", "asked": "y"}, "B"),
        ({"text": "A", "digest": "d", "asked": "x"}, {"text": "B", "digest": "e", "asked": "x"}, "B"),
        ({"text": "A", "digest": "d", "asked": "x"}, {"text": "B", "digest": "d", "asked": "x"}, "B"),
        ({"text": "A", "digest": "d", "asked": "x"}, {"error": "server", "digest": "d", "asked": "x"}, "A"),
        ({"text": "A", "digest": "d", "asked": "x"}, {"error": "server", "digest": "d", "asked": "y"}, None),
        ({"error": "server"}, {"text": "B"}, "B"),
        ({"text": "A"}, {"error": "server"}, "A"),
    ],
)
def test_which_of_two_lines_counts(
    tmp_path: Path, first: dict[str, str], second: dict[str, str], kept: str | None
) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"question": "q", **row}) + "\n" for row in (first, second)))
    assert [answer.text for answer in read_answers(path, "a")] == [kept]


def test_a_line_of_a_journal_does_not_hide_one_that_says_no_call(tmp_path: Path) -> None:
    rows = [{"text": "A"}, {"text": "B", "digest": "d", "asked": "x"}]
    for order in (rows, rows[::-1]):
        (tmp_path / "answers.jsonl").write_text("".join(json.dumps({"question": "q", **row}) + "\n" for row in order))
        with pytest.raises(DataError, match="line 2: answers the same question and repeat as line 1; keep one"):
            read_answers(tmp_path / "answers.jsonl", "a")
