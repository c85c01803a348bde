"""Every block of the pages is named by its language, and is taken by whatever reads such a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlflow_evalplus import requirements
from mlflow_evalplus.asking.candidates import read_candidates
from mlflow_evalplus.asking.prices import read_prices
from mlflow_evalplus.core.attribution.keyword_rules import load_rules
from mlflow_evalplus.errors import EvalPlusError
from mlflow_evalplus.tracking.selection.verdict_files import read_preferences, read_verdicts
from tests.documentation.pages import PAGES, Block, blocks, tokens
from tests.documentation.test_commands import steps

LANGUAGES = {"bash", "console", "cron", "ini", "json", "python", "text", "yaml"}
NOT_RUN = 12  # at most; each says why


def test_every_block_names_its_language() -> None:
    """Blocks that are indented name none."""
    fences = [(page, token) for page in PAGES for token in tokens(page) if token.type in ("fence", "code_block")]
    assert [(page, token.map) for page, token in fences if token.info.split(" ")[0] not in LANGUAGES] == []
    assert len(fences) == len(blocks(*LANGUAGES)) > 70


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    left = [block for block in blocks(*LANGUAGES) if "not run" in block.told]
    print(*(f"{block.name}: {block.not_run}" for block in left), sep="\n")
    assert [block.name for block in left if len(block.not_run.split()) < 3] == []
    assert len(left) <= NOT_RUN


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.name)
def test_yaml_is_taken_by_its_reader(block: Block, tmp_path: Path) -> None:
    content = yaml.safe_load(block.text)
    file = tmp_path / "block.yaml"
    file.write_text(block.text, encoding="utf-8")
    _reader(content)(file)


def _reader(content: Any) -> Callable[[Path], object]:
    if isinstance(content, list):
        return load_rules
    if set(content) <= set(requirements.Requirements.model_fields):
        return requirements.load
    if {"candidates", "judges"} & set(content):
        return _candidates
    if "models" in content:
        return read_prices
    assert any(steps(content)), f"what reads a file with {', '.join(content)}?"
    return lambda file: None  # a CI service


def _candidates(file: Path) -> None:
    """Read all but what lies in files that are not there: MLflow models, pipelines and recorded answers."""
    text = file.read_text(encoding="utf-8")
    asked = {
        "name": "asked",
        "endpoint": "https://llm.example.com/v1",
        "model": "m",
        "price": {"prompt": 1, "completion": 1},
    }
    content = yaml.safe_load(text)
    if "candidates" not in content:
        file.write_text(f"{text}\ncandidates: [{json.dumps(asked)}]\n", encoding="utf-8")
    calls = [spec["name"] for spec in content.get("candidates", [asked]) if "endpoint" in spec]
    assert read_candidates(file, only=calls).candidates


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.name)
def test_json_is_one_object_or_one_a_line(block: Block, tmp_path: Path) -> None:
    lines = block.text.splitlines()
    try:
        objects = [json.loads(line) for line in lines]
    except json.JSONDecodeError:
        objects = [json.loads(block.text)]
    assert all(isinstance(found, dict) for found in objects)
    for line, found in zip(lines, objects, strict=False):
        if "judge" in found:
            file = tmp_path / "recorded.jsonl"
            file.write_text(line, encoding="utf-8")
            assert read_verdicts(file)[0] if "verdict" in found else read_preferences(file)


@pytest.mark.parametrize("block", blocks("ini"), ids=lambda block: block.name)
def test_ini_has_sections(block: Block) -> None:
    parser = ConfigParser()
    parser.read_string(block.text)
    assert parser.sections()


def test_a_block_that_is_wrong_is_found_out(tmp_path: Path) -> None:
    wrong = (
        "thresholds: [{metric: acuracy, min: 0.9}]", "- {patern: a, label: b}", "models: {a: {promt: 1}}",
        "candidates: [{name: a, endpont: x}]", "thresholdz: []",
    )  # fmt: skip
    for number, text in enumerate(wrong):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises((EvalPlusError, AssertionError)):
            _reader(yaml.safe_load(text))(file)
