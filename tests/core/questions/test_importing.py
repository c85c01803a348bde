"""Other tools' files: questions and answers as they are in them; what cannot be a question is told."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.questions.importing import KINDS, import_file, import_files
from mlflow_evalplus.core.questions.importing.prompts import split_choices
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.reading import question_set
from mlflow_evalplus.core.questions.writing import as_rows
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.results.answers import Answer
from tests.core.questions import tools_files as files
from tests.generated import inputs


def rows_of(path: Path, kind: str) -> list[dict[str, Any]]:
    return as_rows(import_file(path, kind).questions)


def evalscope(run: Path, model: str = "m-1", *, predictions: bool = True) -> Path:
    """Write the reviews and predictions of a run of two questions, asked twice; return the file of the reviews."""
    texts = ["The answer is B", "12", "答案：A", "B"]
    prompts = [files.ENGLISH_PROMPT, files.ENGLISH_PROMPT, files.CHINESE_PROMPT, files.CHINESE_PROMPT]
    lines = [
        files.review(at, prompts[at], ["AB"[at < 2]], texts[at], group_id=at // 2, generation_index=at % 2,
                     sample_metadata={"id": f"q{at // 2}", "level": "easy"})
        for at in (3, 0, 2, 1)
    ]  # fmt: skip
    found = files.write_lines(run / "reviews" / model / "general_mcq_bank.jsonl", lines)
    if predictions:
        outputs = [files.prediction(at, texts[at], "max_tokens" if at == 3 else "stop", model) for at in (1, 0, 3, 2)]
        files.write_lines(run / "predictions" / model / "general_mcq_bank.jsonl", outputs)
    return found


@pytest.mark.parametrize("given", ["reviews", "predictions", "run"])
def test_evalscope_reviews_and_predictions_are_joined(tmp_path: Path, given: str) -> None:
    path = evalscope(tmp_path)
    found = import_file({"reviews": path, "predictions": tmp_path / "predictions/m-1" / path.name}.get(given, tmp_path),
                        "evalscope")  # fmt: skip
    assert as_rows(found.questions) == [
        {"id": "q0", "input": "Which is a fee?", "type": "choice", "gold": "B",
         "choices": ["rent", "late charge", "tip"], "dimension": "general_mcq_bank", "tags": {"level": "easy"}},
        {"id": "q1", "input": "哪个是贷款期限？", "type": "choice", "gold": "A", "choices": ["12 个月", "5%"],
         "dimension": "general_mcq_bank", "tags": {"level": "easy"}},
    ]  # fmt: skip
    [(candidate, answers)] = found.answers.items()
    assert candidate == "m-1"
    assert [(a.question, a.repeat, a.text) for a in answers] == [
        ("q0", 0, "The answer is B"), ("q0", 1, "12"), ("q1", 0, "答案：A"), ("q1", 1, "B")
    ]  # fmt: skip
    assert answers[3] == Answer("m-1", "q1", repeat=1, text="B", finish="length", prompt_tokens=34, completion_tokens=5,
                                cached_tokens=3, seconds=0.5, first_token_s=0.1)  # fmt: skip


def test_evalscope_models_of_one_run_answer_one_set(tmp_path: Path) -> None:
    evalscope(tmp_path)
    evalscope(tmp_path, "m-2", predictions=False)
    found = import_file(tmp_path, "evalscope")
    assert {name: len(answers) for name, answers in found.answers.items()} == {"m-1": 4, "m-2": 4}
    assert len(found.questions) == 2
    assert math.isnan(found.answers["m-2"][0].seconds)
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes((tmp_path / "reviews" / "m-1" / "general_mcq_bank.jsonl").read_bytes())
    assert len(import_file(moved, "evalscope").questions) == 2


def test_evalscope_texts_have_a_type_by_their_answers(tmp_path: Path) -> None:
    def types(*golds: str) -> set[str]:
        lines = [files.review(at, f"Say {at}", [gold], "x") for at, gold in enumerate(golds)]
        path = files.write_lines(tmp_path / "reviews" / "m" / "general_qa.jsonl", lines)
        return {question.type for question in import_file(path, "evalscope").questions}

    assert types("12", "1,000", "-2.5") == {"numeric"}
    assert types("12", "nine to five") == {"exact"}
    assert types("12", "a long answer that goes on over more than sixty characters, as replies do") == {"text"}
    assert types('{"a": 1}', '{"b": []}') == {"json"}


def test_evalscope_ids_of_its_own_data_are_used_where_they_are_ids(tmp_path: Path) -> None:
    lines = [files.review(at, f"Say {at}", ["x"], "x", sample_metadata={"id": "same"}) for at in range(2)]
    found = import_file(files.write_lines(tmp_path / "reviews" / "m" / "qa.jsonl", lines), "evalscope")
    assert [question.id for question in found.questions] == ["0", "1"]


def test_what_cannot_be_a_question_is_left_out_and_told(tmp_path: Path) -> None:
    picture = files.review(3, "", ["A"], "x")
    picture["messages"][0]["content"] = [{"type": "image", "image": "x.png"}, {"type": "text", "text": "?"}]
    lines = [
        files.review(0, "Say so", ["so"], "so"), files.review(1, files.ENGLISH_PROMPT, ["A", "C"], "AC"),
        files.review(2, "Say so", [], "so") | {"target": None}, picture,
    ]  # fmt: skip
    path = files.write_lines(tmp_path / "reviews" / "m" / "qa.jsonl", lines)
    found = import_file(path, "evalscope")
    assert [question.id for question in found.questions] == ["0"]
    assert sorted(found.notes) == [
        "1 sample left out: several choices have to be named together",
        "1 sample left out: there is no right answer",
        "1 sample left out: there is no user's message in plain text to end with",
    ]
    files.write_lines(path, lines[1:])
    with pytest.raises(DataError, match=r"nothing can be read as a question\. 1 sample left out"):
        import_file(path, "evalscope")


def lm_eval(folder: Path, task: str, lines: list[dict[str, Any]]) -> Path:
    return files.write_lines(folder / f"samples_{task}_2026-08-26T11-15-14.693464.jsonl", lines)


def test_lm_eval_likelihoods_are_choices_and_the_likeliest_is_the_answer(tmp_path: Path) -> None:
    letters = "Which is a fee?\nA. rent\nB. late charge\nC. tip\nAnswer:"
    texts = "Question: Which is a fee?\nAnswer:"
    choices = ["rent", "late charge", "tip"]
    by_letter = lm_eval(tmp_path / "m-1", "mmlu", [files.likelihoods(0, letters, ["A", "B", "C"], "1", [-3, -0.5, -2])])
    by_text = lm_eval(tmp_path / "m-1", "arc", [files.likelihoods(0, texts, choices, "late charge", [-0.1, -1, -2])])
    expected = {"input": "Which is a fee?", "type": "choice", "gold": "B", "choices": choices}
    for path, task, answer in ((by_letter, "mmlu", "B"), (by_text, "arc", "A")):
        found = import_file(path, "lm-eval")
        assert as_rows(found.questions) == [{"id": "0", **expected, "dimension": task}]
        assert [a.text for a in found.answers["m-1"]] == [answer]
    both = import_files([by_letter, by_text], "lm-eval")
    assert [question.id for question in both.questions] == ["mmlu/0", "arc/0"]
    assert [a.question for a in both.answers["m-1"]] == ["mmlu/0", "arc/0"]


def test_lm_eval_likelihoods_without_the_question_do_not_count(tmp_path: Path) -> None:
    """For acc_mutual_info each choice is asked a second time, without the question."""
    line = files.likelihoods(0, "Which?\nAnswer:", ["rent", "tip"], "1", [-1, -2])
    line["arguments"] |= {
        f"gen_args_{2 + at}": {"arg_0": "", "arg_1": f" {one}"} for at, one in enumerate(["rent", "tip"])
    }
    line["resps"] += [[["-0.1", "False"]], [["-0.1", "False"]]]
    found = import_file(lm_eval(tmp_path / "m", "t", [line]), "lm-eval")
    assert (found.questions["0"].choices, found.answers["m"][0].text) == (("rent", "tip"), "A")


def test_lm_eval_texts_are_taken_before_any_filter(tmp_path: Path) -> None:
    chat = ['[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q: What is 2+3?\\nA:"}]']
    lines = [
        files.generated(0, "Q: How many months has a year?\nA:", "A year has 12.\n#### 12", ["12", "twelve"]),
        files.generated(0, "Q: How many months has a year?\nA:", "A year has 12.\n#### 12", ["no"], filter="flexible"),
        files.generated(1, chat, "2+3=5\n#### 5", ["5", "6"]),
    ]
    path = lm_eval(tmp_path / "folder", "gsm", lines)
    (tmp_path / "folder" / "results_2026-08-26T11-15-14.693464.json").write_text('{"model_name": "org/m-1"}')
    found = import_file(tmp_path, "lm-eval")
    assert [a.text for a in found.answers["org/m-1"]] == ["12", "twelve", "5", "6"]
    assert as_rows(found.questions) == [
        {"id": "0", "input": "How many months has a year?", "type": "numeric", "gold": "12", "dimension": "gsm"},
        {"id": "1", "type": "numeric", "gold": "5", "dimension": "gsm",
         "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2+3?"}]},
    ]  # fmt: skip
    lines[0]["target"] = lines[1]["target"] = "['12', 'twelve']"
    lm_eval(tmp_path / "folder", "gsm", lines[:1])
    assert import_file(path, "lm-eval").questions["0"].gold == ("12", "twelve")


def test_lm_eval_of_two_models_the_right_answers_must_agree(tmp_path: Path) -> None:
    lm_eval(tmp_path / "a", "t", [files.generated(0, "Say so", "so", ["so"])])
    lm_eval(tmp_path / "b", "t", [files.generated(0, "<user>Say so", "so", ["no"])])
    found = import_file(tmp_path, "lm-eval")
    assert {name: [a.text for a in answers] for name, answers in found.answers.items()} == {"a": ["so"], "b": ["no"]}
    assert found.questions["0"].text == "Say so"
    assert found.notes == ("1 sample in other words than the first of the same question, which is kept",)
    lm_eval(tmp_path / "b", "t", [files.generated(0, "Say so", "no", ["no"])])
    with pytest.raises(DataError, match=r"the question '0' has the right answers \['so'\] and \['no'\]"):
        import_file(tmp_path, "lm-eval")


INSPECTED = [
    files.inspect_sample("q1", 1, metadata={"language": "en", "skill": "fees"}),
    files.inspect_sample("q1", 2, "I think so", metadata={"language": "en", "skill": "fees"}),
    files.inspect_sample(2, metadata={"language": "zh", "skill": "fees"}, choices=["12 个月", "5%"], target="A",
                         input=[{"role": "system", "content": "Be brief"},
                                {"role": "user", "content": [{"type": "text", "text": "attachment://abc"}]}],
                         attachments={"abc": "哪个是贷款期限？"}),
    files.inspect_sample(2, 2, metadata={"language": "zh", "skill": "fees"}, choices=["12 个月", "5%"], target="A",
                         input=[{"role": "system", "content": "Be brief"},
                                {"role": "user", "content": "哪个是贷款期限？"}],
                         output={"model": "m", "choices": [], "completion": ""}, error={"message": "out of tokens"}),
]  # fmt: skip


@pytest.mark.parametrize("form", ["json", "zstd", "deflated"])
def test_inspect_logs_hold_questions_answers_and_errors(tmp_path: Path, form: str) -> None:
    header = files.inspect_header()
    members = {"header.json": header, "summaries.json": [], "_journal/start.json": {}}
    members |= {f"samples/{one['id']}_epoch_{one['epoch']}.json": one for one in INSPECTED}
    if form == "json":
        (tmp_path / "log.json").write_text(json.dumps({**header, "samples": INSPECTED}))
    else:
        {"zstd": files.write_zstd, "deflated": files.write_deflated}[form](tmp_path / "log.eval", members)
    found = import_file(tmp_path, "inspect")
    assert sorted(as_rows(found.questions), key=str) == [
        {"id": "2", "messages": [{"role": "system", "content": "Be brief"},
                                 {"role": "user", "content": "哪个是贷款期限？"}],
         "type": "choice", "gold": "A", "choices": ["12 个月", "5%"], "dimension": "fees",
         "tags": {"language": "zh", "skill": "fees"}},
        {"id": "q1", "input": "Which is a fee?", "type": "choice", "gold": "B", "choices": ["rent", "late charge"],
         "dimension": "fees", "tags": {"language": "en", "skill": "fees"}},
    ]  # fmt: skip
    answers = {(a.question, a.repeat): a for a in found.answers["openai/m"]}
    assert len(answers) == 4
    assert answers["q1", 0] == Answer("openai/m", "q1", text="ANSWER: B", finish="stop", prompt_tokens=41,
                                      completion_tokens=5, cached_tokens=3, seconds=0.25)  # fmt: skip
    assert answers["q1", 1].text == "I think so"
    assert (answers["2", 1].text, answers["2", 1].error, answers["2", 1].message) == (None, "other", "out of tokens")


def test_inspect_datasets_are_read_in_each_form(tmp_path: Path) -> None:
    rows = [
        {"input": "Which is a fee?", "choices": ["rent", "late charge"], "target": "B", "id": "a"},
        {"input": "How many?", "target": ["12", "twelve"]},
        {"input": [{"role": "user", "content": "Why?"}], "target": "so", "metadata": {"language": "en"}},
    ]
    (tmp_path / "set.json").write_text(json.dumps(rows))
    files.write_lines(tmp_path / "set.jsonl", rows)
    (tmp_path / "set.csv").write_text(
        "input,choices,target,id,metadata\n"
        'Which is a fee?,"rent,late charge",B,a,\n'
        'How many?,,"[""12"", ""twelve""]",,\n'
        '"[{""role"": ""user"", ""content"": ""Why?""}]",,so,,"{""language"": ""en""}"\n'
    )
    expected = question_set([
        {"id": "a", "input": "Which is a fee?", "type": "choice", "choices": ["rent", "late charge"], "gold": "B",
         "dimension": "set"},
        {"id": "2", "input": "How many?", "type": "exact", "gold": ["12", "twelve"], "dimension": "set"},
        {"id": "3", "input": "Why?", "type": "exact", "gold": "so", "dimension": "set", "tags": {"language": "en"}},
    ])  # fmt: skip
    for name in ("set.json", "set.jsonl", "set.csv"):
        found = import_file(tmp_path / name, "inspect")
        assert found.questions.questions == expected.questions, name
        assert found.answers == {}


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text(
        "Question,A,B,C,Answer,Category,channel,output,output.big\n"
        "Which is a fee?,rent,late charge,tip,B,fees,app,b,B\n"
        "Which is none?,rent,tip,,A,fees,app,,A\n"
        "Which is due?,rent,tip,,tip,dates,web,A,\n",
        encoding="utf-8",
    )
    found = import_file(path, "csv")
    assert as_rows(found.questions)[1] == {
        "id": "2", "input": "Which is none?", "type": "choice", "gold": "A", "choices": ["rent", "tip"],
        "dimension": "fees", "tags": {"channel": "app"},
    }  # fmt: skip
    assert found.questions["3"].gold == ("B",)
    assert found.questions.dimensions == ("fees", "dates")
    assert {name: [(a.question, a.text) for a in answers] for name, answers in found.answers.items()} == {
        "faq": [("1", "b"), ("3", "A")], "big": [("1", "B"), ("2", "A")]
    }  # fmt: skip


def test_a_table_of_texts_with_a_system_prompt(tmp_path: Path) -> None:
    path = files.write_lines(tmp_path / "qa.jsonl", [
        {"system": "You are a clerk", "query": "How many months?", "response": "12"},
        {"query": "How many days?", "response": "7"},
    ])  # fmt: skip
    found = import_file(path, "csv").questions
    assert found["1"].messages[0] == Message("system", "You are a clerk")
    assert [(question.type, question.gold) for question in found] == [("numeric", ("12",)), ("numeric", ("7",))]
    path.write_text('{"query": "How many?", "answer": "12", "response": "twelve"}\n')
    assert import_file(path, "csv").answers["qa"][0].text == "twelve"
    path.write_text('{"query": "Reply", "criteria": "Is it polite?", "type": "rubric"}\n')
    assert import_file(path, "csv").questions["1"].rubric == "Is it polite?"


def test_what_is_known_of_every_question_alone_is_no_tag(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    names = [f"name {n}" for n in range(60)]
    path.write_text("input,gold,customer,shop,label,empty\n" + "".join(
        f"Say {n},x,{names[n]},shop {n % 3},{n % 2},\n" for n in range(60)
    ))  # fmt: skip
    assert {tuple(question.tags) for question in import_file(path, "csv").questions} == {("shop",)}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (files.CHINESE_PROMPT, ("哪个是贷款期限？", ("12 个月", "5%"))),
        (files.ENGLISH_PROMPT, ("Which is a fee?", ("rent", "late charge", "tip"))),
        ("Q: Which?\n(A) rent\n(B) tip\nAnswer:", ("Which?", ("rent", "tip"))),
        ("Which?\nA. rent\nC. tip", ("Which?\nA. rent\nC. tip", ())),
        ("Which?\nA. rent", ("Which?\nA. rent", ())),
        ("A. rent\nB. tip\nWhich?", ("A. rent\nB. tip\nWhich?", ())),
        ("Say A. or B.", ("Say A. or B.", ())),
        ("", ("", ())),
    ],
)
def test_choices_are_taken_from_the_end_of_a_prompt(prompt: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert split_choices(prompt) == expected


@pytest.mark.parametrize(
    ("kind", "name", "content", "said"),
    [
        ("evalscop", "a.jsonl", b"{}", "['csv', 'evalscope', 'inspect', 'lm-eval']. Did you mean 'evalscope'?"),
        ("evalscope", "a.jsonl", b"{}\n", "is none of EvalScope's reviews: line 1 has no 'index', 'messages'"),
        ("evalscope", "a.jsonl", b"{", "line 1 is not JSON"),
        ("evalscope", "a.csv", b"a\n1\n", "is not a .jsonl file"),
        ("evalscope", "a.jsonl", b'{"index": 0, "messages": [], "sample_score": []}', "is not as evalscope writes it"),
        ("lm-eval", "samples_t_2026.jsonl", b'{"a": 1}', "is none of lm-eval's samples: line 1 has no 'doc_id'"),
        ("lm-eval", "samples_t_2026.jsonl",
         b'{"doc_id": 1, "doc": {}, "target": "", "arguments": [], "resps": []}', "is not as lm-eval writes it"),
        ("inspect", "a.eval", b"PK", "is no log of Inspect, or is damaged"),
        ("inspect", "a.json", b"{", "is not JSON"),
        ("inspect", "a.json", b'{"a": 1}', "sample 1 is none of Inspect's: there is no 'input' in ['a']"),
        ("inspect", "a.json", b'{"eval": {"task": "t"}}', "its 'eval' names no task and model"),
        ("inspect", "a.json", b'{"eval": {"task": "t", "model": "m"}, "samples": [5]}', "is not as inspect writes it"),
        ("inspect", "a.json", b'{"eval": {"task": "t", "model": "m"}, "samples": []}', "it holds no sample"),
        ("csv", "a.csv", b"ask,gold\nx,y\n", "has the columns ['ask', 'gold']; none of them is the input"),
        ("csv", "a.csv", b"input,b\nx,y\n", "none of them is the gold"),
        ("csv", "a.csv", b"input,gold,type\nx,y,choice\n", "sample 1: choices: a choice needs at least two"),
        ("csv", "none.csv", None, "there is no file"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_said_is_told(
    tmp_path: Path, kind: str, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        import_file(tmp_path / name, kind)
    assert said in str(caught.value)


def test_an_unfinished_or_damaged_log_is_told(tmp_path: Path) -> None:
    path = files.write_zstd(tmp_path / "a.eval", {"_journal/start.json": {}})
    with pytest.raises(DataError, match=r"has no header\.json: the evaluation was not finished"):
        import_file(path, "inspect")
    members = {"header.json": files.inspect_header(), "samples/1_epoch_1.json": files.inspect_sample(1)}
    whole = files.write_zstd(path, members).read_bytes()
    for at in range(0, len(whole), 7):  # a byte that is wrong is told, or does not matter
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            assert import_file(path, "inspect").questions["1"].gold == ("B",)
        except DataError:
            continue


def test_an_empty_folder_tells_which_files_are_looked_for(tmp_path: Path) -> None:
    for kind in KINDS:
        with pytest.raises(DataError, match=rf"holds no file of {kind}; such are"):
            import_file(tmp_path, kind)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WHOLE = {
    "evalscope": files.review(0, "Say so", ["so"], "so"),
    "lm-eval": files.generated(0, "Say so", "so", ["so"]),
    "inspect": {"input": "Say so", "target": "so", "choices": None, "id": 1, "metadata": {}},
    "csv": {"input": "Say so", "gold": "so", "choices": None, "system": "x", "output": "so"},
}


@settings(max_examples=inputs(300), deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_value_in_any_place_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, kind: str, data: Any) -> None:
    line = json.loads(json.dumps(WHOLE[kind]))
    place, key = line, data.draw(st.sampled_from(sorted(line)))
    while isinstance(place[key], dict) and place[key] and data.draw(st.booleans()):
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place)))
    place[key] = data.draw(VALUES)
    folder = tmp_path_factory.getbasetemp() / "reviews" / "m"
    path = files.write_lines(folder / "samples_t_2026-01-01T1.jsonl", [line])
    with contextlib.suppress(DataError):
        assert len(import_file(path, kind).questions) == 1
