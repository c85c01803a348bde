"""Question files: every mistake with its line, all at once; and what a file may look like without being wrong."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus.core.questions import json_schema
from mlflow_evalplus.core.questions.line import FIELDS
from mlflow_evalplus.core.questions.reading import question_set, read_questions
from mlflow_evalplus.core.questions.summary import count
from mlflow_evalplus.errors import DataError, EvalPlusError
from tests.generated import inputs

Row = dict[str, Any]
CHOICE = {"id": "q", "input": "Which is a fee?", "type": "choice", "choices": ["rent", "Tip", "x"], "gold": "B"}
SHORT = {"id": "q", "input": "Say so.", "type": "exact", "gold": "so"}
LABEL = {"id": "q", "input": "Late again!", "type": "label", "choices": ["negative", "Positive"], "gold": "negative"}
JSON = {"id": "q", "input": "Read it.", "type": "json", "schema": {"type": "object"}}
NUMBER = {"id": "q", "input": "2 + 3?", "type": "numeric", "gold": 5}
RUBRIC = {"id": "q", "input": "Reply.", "type": "rubric", "rubric": "Is it polite?"}
ENGLISH = {"id": "en", "input": "Why?", "type": "exact", "gold": "so", "twin": "zh", "tags": {"language": "en"}}
CHINESE = {"id": "zh", "input": "为何？", "type": "exact", "gold": "故", "twin": "en", "tags": {"language": "zh"}}


def written(path: Path, rows: list[Row | str]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def mistakes(rows: list[Row]) -> list[str]:
    with pytest.raises(DataError) as caught:
        question_set(rows)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**SHORT, "wieght": 2}, "wieght: unknown key"),
        ({**SHORT, "wieght": 2}, "Did you mean 'weight'?"),
        ({**SHORT, "type": "chioce"}, "type: Input should be 'choice'"),
        ({**SHORT, "type": "exat"}, "Did you mean 'exact'?"),
        ({key: SHORT[key] for key in ("id", "input", "gold")}, "type: is missing; give choice, exact"),
        ({key: SHORT[key] for key in ("input", "type", "gold")}, "id: is missing"),
        ({**SHORT, "id": "  "}, "id: is empty"),
        ({**SHORT, "id": True}, "id: Input should be a valid string"),
        ({**SHORT, "input": ""}, "input: is empty"),
        ({key: SHORT[key] for key in ("id", "type", "gold")}, "input: give one of input and messages"),
        ({**SHORT, "messages": [{"role": "user", "content": "?"}]}, "input: give one of input and messages, not both"),
        ({**SHORT, "input": None, "messages": []}, "messages: Tuple should have at least 1 item"),
        ({**SHORT, "input": None, "messages": [{"role": "usr", "content": "?"}]}, "messages.0.role: Input should be"),
        ({**SHORT, "input": None, "messages": [{"role": "user"}]}, "messages.0.content: is missing"),
        ({**SHORT, "input": None, "messages": [{"role": "user", "content": " "}]}, "messages.0.content: is empty"),
        ({**SHORT, "input": None, "messages": [{"role": "assistant", "content": "?"}]}, "it must be the user's"),
        ({**SHORT, "gold": None}, "gold: is missing: what is right?"),
        ({**SHORT, "gold": []}, "gold: is an empty list"),
        ({**SHORT, "gold": ["so", ""]}, "gold: is empty"),
        ({**SHORT, "gold": {"a": 1}}, "gold: is {'a': 1}; give a text"),
        ({**SHORT, "choices": ["so", "no"]}, "choices: is for choice and label; this is exact"),
        ({**SHORT, "unit": "EUR"}, "unit: is for numeric; this is exact"),
        ({**SHORT, "schema": {}}, "schema: is for json; this is exact"),
        ({**SHORT, "rubric": "?"}, "rubric: is for rubric and text; this is exact"),
        ({**SHORT, "weight": 0}, "weight: Input should be greater than 0"),
        ({**SHORT, "weight": True}, "weight: is true or false; give a number"),
        ({**SHORT, "weight": float("nan")}, "cannot be written as JSON: Out of range float values"),
        ({**SHORT, "tags": {"a=b": "c"}}, "a tag's name holds no '='"),
        ({**SHORT, "tags": {"a": {}}}, "tags.a: Input should be a valid string"),
        ({**SHORT, "tags": ["a"]}, "tags: Input should be a valid dictionary"),
        ({**SHORT, "context": ""}, "context: is empty"),
        ({**SHORT, "input": "\ud83d"}, "holds half of a surrogate pair"),
        ({**SHORT, "input": {1, 2}}, "cannot be written as JSON: Object of type set"),
        ({**CHOICE, "gold": "D"}, "gold: 'D' is no letter from A to C and none of the choices ['rent', 'Tip', 'x']"),
        ({**CHOICE, "gold": "rant"}, "Did you mean 'rent'?"),
        ({**CHOICE, "gold": 1}, "gold: '1' is no letter"),
        ({**CHOICE, "choices": ["B", "A"], "gold": "A"}, "gold: 'A' is the letter of 'B' and the text of choice B"),
        ({**CHOICE, "choices": ["rent"]}, "choices: a choice needs at least two of them"),
        ({**CHOICE, "choices": None}, "choices: a choice needs at least two of them"),
        ({**CHOICE, "choices": ["rent", "Rent "]}, "choices: 'Rent ' is given twice"),
        ({**CHOICE, "choices": ["rent", ""]}, "choices.1: is empty"),
        ({**CHOICE, "choices": [str(n) for n in range(27)]}, "choices: there are 27; at most 26, A to Z"),
        ({**LABEL, "gold": "negativ"}, "is not among the labels ['negative', 'Positive']. Did you mean 'negative'?"),
        ({**NUMBER, "gold": "five"}, "gold: 'five' is no number"),
        ({**NUMBER, "gold": "5 EUR"}, "its unit belongs into 'unit'"),
        ({**NUMBER, "gold": True}, "gold: 'true' is no number"),
        ({**NUMBER, "gold": "1_000"}, "gold: '1_000' is no number"),
        ({**NUMBER, "gold": "12,34"}, "gold: '12,34' is no number"),
        ({**NUMBER, "gold": "nan"}, "gold: 'nan' is no number"),
        ({**NUMBER, "tolerance": -1}, "tolerance: Input should be greater than or equal to 0"),
        ({**SHORT, "type": "regex", "gold": "(a"}, "gold: '(a' is no regular expression: missing )"),
        ({**SHORT, "type": "regex", "gold": "a{99999999999}"}, "is no regular expression"),
        ({**JSON, "schema": {"type": "objekt"}}, "schema: is no JSON Schema: type: 'objekt' is not valid"),
        ({**JSON, "schema": {"pattern": "("}}, "schema: is no JSON Schema"),
        ({**JSON, "schema": None}, "gold: is missing: give the right answer, a schema, or both"),
        ({**JSON, "gold": "no"}, "gold: 'no' is no JSON"),
        ({**JSON, "gold": '"soon"', "schema": {"format": "date"}}, "does not fit the schema: 'soon' is not a 'date'"),
        ({**JSON, "gold": 5}, "gold: 5 does not fit the schema: 5 is not of type 'object'"),
        ({**JSON, "gold": {}, "schema": {"$ref": "#/nowhere"}}, "gold: {} does not fit the schema"),
        ({**RUBRIC, "rubric": None}, "rubric: is missing: what is a good answer?"),
        ({**RUBRIC, "pass_mark": 80}, "pass_mark: Input should be less than or equal to 1"),
        ({**SHORT, "twin": "q"}, "twin: is the question itself"),
        ({**SHORT, "twin": "p"}, "twin: there is no question 'p'."),
    ],
)  # fmt: skip
def test_a_mistake_is_told(row: Row, said: str) -> None:
    found = mistakes([row])
    assert any(said in line for line in found), found
    assert all(line.startswith("row 1: ") for line in found)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([SHORT, SHORT], "row 2: id: 'q' is also on row 1"),
        ([ENGLISH, {**CHINESE, "twin": None}], "row 1: twin: 'zh' on row 2 names no twin; twins name each other"),
        ([ENGLISH, {**CHINESE, "twin": "q"}, {**SHORT, "twin": "zh"}], "row 1: twin: 'zh' on row 2 has the twin 'q'"),
        ([ENGLISH, {**CHINESE, "tags": {"language": "EN"}}], "row 1: twin: 'zh' on row 2 is in 'en' too"),
        ([ENGLISH, {**CHINESE, "tags": {}}], "row 1: twin: give this one and 'zh' on row 2 tags.language"),
        ([ENGLISH, {**CHINESE, "type": "text"}], "row 1: twin: 'zh' on row 2 is of type text, this one of type exact"),
        ([{**ENGLISH, "cluster": "a"}, {**CHINESE, "cluster": "b"}], "'zh' on row 2 is of cluster 'b'"),
        ([{**ENGLISH, "twin": "faq-zh"}, {**CHINESE, "id": "faq-zn"}], "no question 'faq-zh'. Did you mean 'faq-zn'?"),
        ([{**SHORT, "dimension": "a"}, {**SHORT, "id": "p"}], "row 2: dimension: is missing, and row 1 has one"),
        ([SHORT, ["q"]], "row 2: is a list, not a mapping"),
    ],
)
def test_a_mistake_between_rows_names_both(rows: list[Any], said: str) -> None:
    found = mistakes(rows)
    assert any(said in line for line in found), found


def test_of_a_pair_that_does_not_match_one_mistake_is_told() -> None:
    assert len(mistakes([CHINESE, {**ENGLISH, "type": "text"}])) == 1


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    rows = [
        {**CHOICE, "weight": -1, "gold": "Z", "unit": "m"}, "", "{", {**SHORT, "id": "p", "twin": "lost"}, "[1]",
        '{"id": "a", "id": "b"}', '{"id": NaN}', "12", "[" * 100_000, '{"id": ' + "9" * 5000 + "}", {**SHORT, "x": 1},
    ]  # fmt: skip
    with pytest.raises(DataError) as caught:
        read_questions(written(tmp_path / "set.jsonl", rows))
    head, *found = str(caught.value).splitlines()
    assert head == f"{tmp_path / 'set.jsonl'} has 13 mistakes:"
    lines = [line.split(":")[0].strip() for line in found]
    assert lines == [f"line {n}" for n in (1, 1, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11)]
    assert [line.split(": ")[1] for line in found[:3]] == ["weight", "unit", "gold"]
    assert "a line is one whole object" in found[3]
    assert "twin: there is no question 'lost' on the lines that can be read" in found[4]
    assert "is a JSON list" in found[5]
    assert "the key 'id' is given twice" in found[6]
    assert "holds NaN" in found[7]
    assert "is a JSON number" in found[8]
    assert "nested too deeply" in found[9]
    assert "unknown key" in found[11]
    assert "'q' is also on line 1" in found[12]


def test_twenty_mistakes_are_listed_and_the_others_counted() -> None:
    found = mistakes([{**SHORT, "id": str(n), "weight": 0} for n in range(30)])
    assert len(found) == 21
    assert found[-1] == "… and 10 more"


@given(st.lists(st.booleans(), min_size=2, max_size=40))
@settings(max_examples=inputs(60), deadline=None)
def test_a_dimension_that_only_some_have_is_one_mistake_whichever_are_more(given_on: list[bool]) -> None:
    """At the first of those that are fewer; so the others' mistakes stay in sight."""
    rows = [{**SHORT, "id": f"q{n}", **({"dimension": "a"} if has else {})} for n, has in enumerate(given_on)]
    rows.append({**SHORT, "id": "last", "weight": 0, **({"dimension": "a"} if given_on[-1] else {})})
    having = [*given_on, given_on[-1]]
    found = mistakes(rows)
    assert f"row {len(rows)}: weight: Input should be greater than 0 (given: 0)" in found
    about = [line for line in found if ": dimension: " in line]
    assert len(about) == len(found) - 1 == (0 < sum(having) < len(having))
    if about:
        fewer = [at for at, has in enumerate(having, start=1) if has == (2 * sum(having) < len(having))]
        assert about[0].startswith(f"row {fewer[0]}: dimension: ")
        assert all(str(at) in about[0] for at in fewer[1:6])


def test_a_stray_dimension_is_told_where_it_is() -> None:
    def rows(*having: int) -> list[Row]:
        return [{**SHORT, "id": str(n), **({"dimension": "a"} if n in having else {})} for n in range(1, 31)]

    assert mistakes(rows(7)) == [
        "row 7: dimension: is given, and 29 rows have none; give it everywhere or nowhere"
    ]  # fmt: skip
    assert mistakes(rows(*range(1, 11))) == [
        "row 1: dimension: is given (also on row 2, 3, 4, 5, 6 and 4 more), and 20 rows have none; "
        "give it everywhere or nowhere"
    ]
    assert mistakes(rows(*range(1, 29))) == [
        "row 29: dimension: is missing (also on row 30), and row 1 has one; give it everywhere"
    ]


def test_a_mistake_does_not_cause_others() -> None:
    """What stands on a field that is wrong is not judged: a gold by choices that cannot be read."""
    assert len(mistakes([{**CHOICE, "choices": ["a"]}])) == 1
    assert len(mistakes([{**CHOICE, "choices": 5}])) == 1
    assert len(mistakes([{**JSON, "schema": {"type": "objekt"}, "gold": {}}])) == 1
    assert len(mistakes([{**SHORT, "type": "chioce", "gold": {}}])) == 1
    assert len(mistakes([{**ENGLISH, "weight": 0}, CHINESE])) == 1  # its twin is there all the same


def test_gold_is_kept_in_the_form_that_scorers_compare() -> None:
    def golds(row: Row, given: Any) -> tuple[str, ...]:
        return question_set([{**row, "gold": given}])["q"].gold

    for letter in ("B", "b", "(B)", "B.", "Ｂ", "[b]", "Tip", "tip", " TIP "):
        assert golds(CHOICE, letter) == ("B",), letter
    assert golds(CHOICE, ["A", "Tip", "a"]) == ("A", "B")
    assert golds({**CHOICE, "choices": [1, 2.5, True]}, 2.5) == ("B",)
    assert golds({**CHOICE, "choices": ["A", "B"]}, "B") == ("B",)  # letter and text say the same
    assert golds(LABEL, "positive") == ("Positive",)
    assert golds({**LABEL, "choices": [True, False]}, False) == ("false",)
    assert golds(NUMBER, ["1,234.50", -7, 2.5, "１２", "+3e5", ".5"]) == ("1234.50", "-7", "2.5", "12", "+3e5", ".5")
    assert golds(JSON, {"b": 1, "a": "ä"}) == ('{"a": "ä", "b": 1}',)
    assert golds({**JSON, "schema": None}, '{"b": 1, "a": 2}') == ('{"a": 2, "b": 1}',)
    assert golds({**JSON, "schema": None}, [[1, 2]]) == ("[1, 2]",)
    assert golds(SHORT, [12, "so", True]) == ("12", "so", "true")
    assert question_set([RUBRIC])["q"].gold == ()


def test_files_as_editors_and_spreadsheets_write_them(tmp_path: Path) -> None:
    plain = read_questions(written(tmp_path / "plain.jsonl", [ENGLISH, CHINESE]))
    text = (tmp_path / "plain.jsonl").read_text(encoding="utf-8")
    for name, content in {
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "crlf": text.replace("\n", "\r\n").encode(),
        "blank": ("\n" + text.replace("\n", "\n  \n") + "\n\n").encode(),
        "no_end": text.rstrip("\n").encode(),
        "escaped": "\n".join(json.dumps(row) for row in (ENGLISH, CHINESE)).encode(),
    }.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(content)
        read = read_questions(path)
        assert (read.questions, read.digest) == (plain.questions, plain.digest), name
    assert plain["zh"].text == "为何？"


def test_a_line_of_many_megabytes_is_read(tmp_path: Path) -> None:
    long = "x" * 8_000_000
    assert len(read_questions(written(tmp_path / "set.jsonl", [{**SHORT, "context": long}]))["q"].context) == len(long)
    path = tmp_path / "set.csv"
    path.write_text(f"id,input,type,gold,context\nq,?,exact,so,{long}\n")
    assert len(read_questions(path)["q"].context) == len(long)
    with pytest.raises(DataError) as caught:
        read_questions(written(tmp_path / "bad.jsonl", [{**SHORT, "weight": long}]))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "there is no file"),
        ("set.json", b"[]", "is not a .jsonl, .csv, .tsv file"),
        ("set.jsonl", b"", "is empty"),
        ("set.jsonl", b"\n\n", "there are no questions"),
        ("set.jsonl", b'{"id": "\xff"}', "is not UTF-8: line 1 holds the byte 0xff"),
        ("set.jsonl", "{}".encode("utf-16"), "is not UTF-8"),
        ("set.csv", b"id,input,type,gold\n", "there are no questions"),
        ("set.csv", b"id,input,type,gold\nq,?,exact,so,more\n", "line 2 has 5 cells, the header 4"),
        ("set.csv", b'id,input,type,gold\nq,"?,exact,so\n', "cannot be read as .csv"),
        ("set.csv", b"id,id,type,gold\nq,?,exact,so\n", "name each of them, and differently"),
        ("set.csv", b"id,input,type,glod\nq,?,exact,so\n", "line 1: unknown column 'glod'"),
        ("set.csv", b"id;input;type;gold\nq;?;exact;so\n", "line 1: unknown column 'id;input;type;gold'"),
        ("set.csv", b"id,input,type,gold,schema\nq,?,json,,{\n", "line 2: schema: is not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_questions(tmp_path / name)
    assert said in str(caught.value)


def test_a_table_is_read_as_the_same_questions(tmp_path: Path) -> None:
    rows = [
        {**CHOICE, "id": "1", "tags": {"language": "en"}, "dimension": "fees", "weight": 2},
        {**JSON, "id": "2", "gold": {"a": 1}, "dimension": "forms"},
        {"id": "3", "messages": [{"role": "user", "content": 'a "quoted",\nlong one'}], "type": "numeric",
         "gold": "1,500", "dimension": "sums"},
    ]  # fmt: skip
    path = tmp_path / "set.csv"
    path.write_text(
        "\ufeffid,input,messages,type,choices,gold,schema,dimension,weight,tags.language\r\n"
        "1,Which is a fee?,,choice,rent | Tip|x,B,,fees,2,en\r\n"
        '2,Read it.,,json,,"{""a"": 1}","{""type"": ""object""}",forms,,\r\n'
        ",,,,,,,,,\r\n"
        '3,,"[{""role"": ""user"", ""content"": ""a \\""quoted\\"",\\nlong one""}]",numeric,,"1,500",,sums,,\r\n',
        encoding="utf-8",
    )
    assert read_questions(path).questions == question_set(rows).questions
    path.write_text(path.read_text(encoding="utf-8").replace("fees,2", "fees,-2").replace("1,500", "1;500"))
    with pytest.raises(DataError, match=r"(?s)line 2: weight.*line 5: gold") as caught:
        read_questions(path)
    assert "2 mistakes" in str(caught.value)


def test_several_files_are_one_set(tmp_path: Path) -> None:
    english = written(tmp_path / "en.jsonl", [ENGLISH])
    chinese = written(tmp_path / "zh.jsonl", [CHINESE])
    both = read_questions(english, chinese)
    assert both.digest == question_set([CHINESE, ENGLISH]).digest
    with pytest.raises(DataError, match=r"line 1 of .*en\.jsonl: id: 'en' is also on line 1 of .*en\.jsonl"):
        read_questions(english, english)


def test_the_digest_tells_content_and_not_order() -> None:
    rows = [ENGLISH, CHINESE, {**SHORT, "gold": ["so", "thus"]}]
    digest = question_set(rows).digest
    assert len(digest) == 12
    assert question_set([*reversed(rows)]).digest == digest
    assert question_set([ENGLISH, CHINESE, {**SHORT, "gold": ["thus", "so"]}]).digest == digest
    for change in ({"input": "Say."}, {"gold": "no"}, {"weight": 2}, {"tags": {"a": "b"}}, {"id": "r"}):
        assert question_set([ENGLISH, CHINESE, {**SHORT, "gold": ["so", "thus"], **change}]).digest != digest, change


def test_a_question_and_its_twin_share_a_cluster() -> None:
    found = question_set([CHINESE, ENGLISH, {**SHORT, "cluster": "own"}, {**NUMBER, "id": "n"}])
    assert [question.cluster for question in found] == ["en", "en", "own", "n"]
    for rows in ([{**CHINESE, "cluster": "c"}, ENGLISH], [CHINESE, {**ENGLISH, "cluster": "c"}]):
        assert {question.cluster for question in question_set(rows)} == {"c"}


def test_a_set_is_looked_into_by_id() -> None:
    found = question_set([ENGLISH, CHINESE])
    assert found["zh"].language == "zh"
    assert "en" in found
    assert "no" not in found
    assert found.dimensions == ("all",)
    with pytest.raises(KeyError, match="Did you mean 'zh'"):
        found["zh-"]


def test_without_jsonschema_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    json_schema._mistake.cache_clear()
    assert len(question_set([{**JSON, "schema": None, "gold": {}}])) == 1
    with pytest.raises(EvalPlusError, match=r"pip install 'mlflow-evalplus\[selection\]'"):
        question_set([JSON])


def test_nothing_is_fetched_for_a_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(*given: Any) -> Any:
        raise AssertionError(given)

    monkeypatch.setattr("urllib.request.urlopen", fetched)
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    assert "does not fit the schema" in mistakes([{**JSON, "schema": schema, "gold": {}}])[0]


def test_counts_tell_pairs_clusters_and_what_is_asked_twice() -> None:
    found = count(question_set([ENGLISH, CHINESE, SHORT, {**SHORT, "id": "p", "input": "say  SO."}]))
    assert (found.n, found.n_twins, found.n_clusters) == (4, 1, 3)
    assert found.of == {("all", "exact", "en"): 1, ("all", "exact", "zh"): 1, ("all", "exact", ""): 2}
    assert found.asked_twice == (("q", "p"),)
    alike = [{**SHORT, "cluster": "c"}, {**SHORT, "id": "p", "cluster": "c"}]
    assert count(question_set(alike)).asked_twice == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["choice", "exact", "numeric", "regex", "json", "text", "label", "rubric"])


@settings(max_examples=inputs(200), deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8), max_size=3), st.lists(TYPES, min_size=3))
def test_whatever_is_given_is_read_or_told(rows: list[Row], types: list[str]) -> None:
    """Nothing but our own error comes out of any row of JSON, with the number of each row that is wrong."""
    given_rows = [{**row, "type": kind} for row, kind in zip(rows, types, strict=False)]
    with contextlib.suppress(DataError):
        assert len(question_set(given_rows)) == len(given_rows) > 0


@settings(max_examples=inputs(100), deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["jsonl", "csv", "tsv"]))
def test_whatever_a_file_holds_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{kind}"
    path.write_bytes(content)
    with pytest.raises(DataError):  # no bytes of this kind are a whole question
        read_questions(path)
