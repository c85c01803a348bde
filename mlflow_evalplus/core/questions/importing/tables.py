"""A table with a column of questions and one of right answers, and perhaps models' answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow_evalplus.core.files import check_file
from mlflow_evalplus.core.questions.gold import LETTERS
from mlflow_evalplus.core.questions.importing.files import json_lines
from mlflow_evalplus.core.questions.importing.samples import Sample
from mlflow_evalplus.core.questions.question import Message
from mlflow_evalplus.core.questions.rows import KINDS, PARTED, parsed, table
from mlflow_evalplus.errors import DataError, shorten
from mlflow_evalplus.results.answers import Answer

PATTERNS = ("*.csv", "*.tsv", "*.jsonl")
# What a column may be called, the likeliest first; case does not count.
COLUMNS = {
    "id": ("id", "question_id", "qid", "编号", "序号"),
    "input": ("input", "question", "prompt", "query", "instruction", "text", "问题", "题目"),
    "gold": ("gold", "target", "answer", "expected", "expected_output", "expected_response", "reference",
             "ground_truth", "label", "标准答案", "参考答案", "答案", "response"),
    "system": ("system", "system_prompt"),
    "dimension": ("dimension", "category", "subject", "topic", "ability", "维度", "类别"),
    "context": ("context", "passage", "knowledge", "背景"),
    "choices": ("choices", "options", "选项"),
    "type": ("type",),
    "rubric": ("rubric", "criteria"),
    "output": ("output", "prediction", "model_output", "completion", "response", "模型回答"),
}  # fmt: skip
_OUTPUT = re.compile(r"(?:output|prediction|response)[.:](.+)", re.IGNORECASE)  # output.NAME, of the candidate NAME
Row = Mapping[str, Any]


def samples(path: Path) -> Iterator[Sample]:
    """Yield a sample of every row; what no column's name tells is taken as a tag."""
    rows = _read(check_file(path, KINDS))
    header = list(dict.fromkeys(name for row in rows for name in row))
    role = _roles(header, path)
    own = {name: found[1].strip() for name in header if (found := _OUTPUT.fullmatch(name))}
    if "output" in role:
        own.setdefault(role["output"], path.stem)
    letters = [name for name in header if name in LETTERS] if "choices" not in role else []
    if letters != list(LETTERS[: len(letters)]) or len(letters) < 2:
        letters = []
    others = [name for name in header if name not in {*role.values(), *own, *letters}]
    for number, row in enumerate(rows, start=1):
        yield _sample(row, number, path.stem, role, own, letters, others)


def _read(path: Path) -> list[Row]:
    if path.suffix.lower() == ".jsonl":
        return [row for _, row in json_lines(path, (), "a table")]
    return [cells for number, cells in table(path) if number != 1]


def _roles(header: Sequence[str], path: Path) -> dict[str, str]:
    """Return which column is what."""
    plain = {name.casefold(): name for name in reversed(header)}
    role: dict[str, str] = {}
    for what, names in COLUMNS.items():
        found = next((plain[name] for name in names if name in plain and plain[name] not in role.values()), None)
        if found:
            role[what] = found
    for what in ("input", "gold"):
        if what not in role and not (what == "gold" and "rubric" in role):
            known = ", ".join(COLUMNS[what])
            raise DataError(f"{str(path)!r} has the columns {shorten(header)}; none of them is the {what}: name one "
                            f"{known}")  # fmt: skip
    return role


def _sample(
    row: Row, number: int, task: str, role: Mapping[str, str], own: Mapping[str, str], letters: Sequence[str],
    others: Sequence[str],
) -> Sample:  # fmt: skip
    told = {what: row[name] for what, name in role.items() if row.get(name) not in (None, "")}
    choices = told.get("choices", [row[name] for name in letters if row.get(name) not in (None, "")])
    gold = told.get("gold")
    more = {what: str(told[what]) for what in ("context", "dimension", "type", "rubric") if what in told}
    messages = [Message("system", str(told["system"]))] if "system" in told else []
    return Sample(
        task,
        str(told.get("id", number)),
        (*messages, Message("user", str(told.get("input", "")))),
        tuple(map(str, gold)) if isinstance(gold, list) else () if gold is None else (str(gold).strip(),),
        tuple(map(str, _list(choices))),
        more={what.strip(): value for what, value in more.items()},
        tags={name: row[name] for name in others if name in row},
        answers=tuple(
            Answer(candidate, "", text=str(row[name])) for name, candidate in own.items() if row.get(name) is not None
        ),
    )


def _list(given: Any) -> list[Any]:
    if isinstance(given, str) and given.lstrip().startswith("["):
        read = parsed('{"cell": ' + given + "}")
        return read["cell"] if isinstance(read, dict) else [given]
    return [part.strip() for part in given.split(PARTED)] if isinstance(given, str) else list(given)
