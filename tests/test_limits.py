"""What is read is bounded; the limits hold at their numbers, and can be raised."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from mlflow_evalplus import limits
from mlflow_evalplus.core.files import read_file
from mlflow_evalplus.errors import MAX_MESSAGE, DataError, EvalPlusError, RequirementsError, did_you_mean, fit
from mlflow_evalplus.limits import COLUMNS, DEPTH, LINE, NODES, TABLE
from mlflow_evalplus.requirements.safe_yaml import safe_content

PAGE = Path(__file__).parents[1] / "docs" / "bad_input.md"


def test_the_page_names_every_limit_with_its_number() -> None:
    shown = dict(re.findall(r"^\| `(EVALPLUS_MAX_\w+)` \| ([\d,]+)", PAGE.read_text(encoding="utf-8"), re.M))
    assert {name: int(number.replace(",", "")) for name, number in shown.items()} == {
        limit.variable: limit.default for limit in limits.ALL
    }


@pytest.mark.parametrize(
    ("limit", "name", "content", "allowed"),
    [
        (LINE, "a.csv", "label\n" + "x" * 30 + "\n", 31),
        (COLUMNS, "a.csv", "a,b,c\n1,2,3\n", 3),
        (COLUMNS, "a.jsonl", '{"a": 1, "b": 2}\n{"c": 1}\n', 3),
        (TABLE, "a.jsonl", '{"a": 1, "b": 2}\n{"c": 1}\n', 48),
        (TABLE, "a.csv", "a,b,c\n1,2,3\n", 48),
    ],
)
def test_a_file_is_read_at_its_limit_and_refused_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: limits.Limit, name: str, content: str, allowed: int
) -> None:
    path = tmp_path / name
    path.write_text(content)
    monkeypatch.setenv(limit.variable, str(allowed))
    assert len(read_file(path))
    monkeypatch.setenv(limit.variable, str(allowed - 1))
    with pytest.raises(DataError, match=limit.variable):
        read_file(path)


@pytest.mark.parametrize("coded", [False, True])
def test_one_long_text_in_many_rows_counts_as_often_as_it_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coded: bool
) -> None:
    texts = pa.array(["x" * 1000] * 1000)
    pq.write_table(pa.table({"text": texts.dictionary_encode() if coded else texts}), tmp_path / "a.parquet")
    monkeypatch.setenv(TABLE.variable, "1000000")
    assert len(read_file(tmp_path / "a.parquet")) == 1000
    monkeypatch.setenv(TABLE.variable, "999999")
    with pytest.raises(DataError, match=TABLE.variable):
        read_file(tmp_path / "a.parquet")


def test_anchors_are_followed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a [1, 2]\nb: [*a, *a]\n"
    # the root, its two keys, the list a with 2 values, the list b with twice that
    monkeypatch.setenv(NODES.variable, "13")
    assert safe_content(text, "it") == yaml.safe_load(text)
    monkeypatch.setenv(NODES.variable, "12")
    with pytest.raises(RequirementsError, match="it has 13 values once its anchors are followed, more than 12"):
        safe_content(text, "it")


def test_an_anchor_that_holds_itself_is_refused() -> None:
    with pytest.raises(RequirementsError, match="an anchor on line 2 holds itself"):
        safe_content("x: 1\na: &a [*a]\n", "it")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a: !!python/object:os.system [x]",
            "line 1, column 4: the tag 'tag:.*os.system' is not read; write a plain value",
        ),
        ("x: 1\na: [1, 2\nb: 3\n", r"line 3, column 2: while parsing a flow sequence of line 2, expected ',' or '\]'"),
        ("d: 2020-13-45", "month must be in 1..12"),
    ],
)
def test_what_is_no_yaml_is_told_on_one_line(text: str, said: str) -> None:
    with pytest.raises(RequirementsError, match=f"^it is not valid YAML: {said}[^\n]*$"):
        safe_content(text, "it")


def test_depth_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEPTH.variable, "3")
    assert safe_content("a: [1]", "it") == {"a": [1]}
    with pytest.raises(RequirementsError, match="it has 4 levels of nesting, more than 3"):
        safe_content("a: [[1]]", "it")


@pytest.mark.parametrize("given", ["0", "-1", "many", "1e9", "1" * 30])
def test_a_limit_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(LINE.variable, given)
    with pytest.raises(EvalPlusError, match=f"{LINE.variable} is .* give a whole number above 0"):
        _ = LINE.value


@pytest.mark.parametrize("n", [MAX_MESSAGE - 1, MAX_MESSAGE, MAX_MESSAGE + 1, 2 * MAX_MESSAGE + 1, 10**6])
def test_a_message_keeps_its_beginning_and_end(n: int) -> None:
    message = "begin " + "x" * (n - 10) + " end"
    shown = fit(message)
    assert len(shown) == min(n, MAX_MESSAGE)
    assert shown.startswith("begin xxx")
    assert shown.endswith("xxx end")
    assert (shown == message) == (n <= MAX_MESSAGE)


def test_a_message_holds_no_control_characters() -> None:
    assert str(DataError("a\x1b[2J\r\u202eb\ud83d\nc\td 中 👩‍👩‍👧")) == r"a\x1b[2J\r\u202eb\ud83d" + "\nc\td 中 👩‍👩‍👧"


def test_no_near_word_is_looked_for_a_long_one() -> None:
    assert did_you_mean("x" * 201, ["x" * 201]) == ""
    assert did_you_mean("x" * 200, ["x" * 199]).startswith(" Did you mean")
