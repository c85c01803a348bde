"""Hostile input is accepted or refused by one of our errors, in bounded time, with a message that can be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_evalplus.core import pattern_search
from tests.fuzz.parsers import PARSERS, SEEDS, Parser
from tests.fuzz.running import ACCEPTED, REFUSED, fuzz, outcome


@pytest.mark.parametrize("parser", PARSERS.values(), ids=list(PARSERS))
def test_every_seed_is_read_or_refused(parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_search, "LEAST_SECONDS", 0.2)
    found = {path.name: outcome(parser, path.suffix, path.read_bytes()) for path in parser.seeds}
    assert set(found.values()) <= {ACCEPTED, REFUSED}, found
    assert ACCEPTED in found.values(), "a parser that refuses everything is not looked at"


def test_every_folder_of_seeds_has_a_parser() -> None:
    assert {path.name for path in SEEDS.iterdir()} == set(PARSERS)


def test_what_is_no_error_of_ours_is_found(tmp_path: Path) -> None:
    def odd(path: Path) -> object:
        return {b"a": "accepted"}[path.read_bytes()]

    parser = Parser("odd", odd, "")
    assert outcome(parser, ".txt", b"a") == ACCEPTED
    assert outcome(parser, ".txt", b"b").startswith("KeyError at ?")


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS.values(), ids=list(PARSERS))
def test_nothing_unexpected_comes_of_500_inputs(parser: Parser) -> None:
    tally = fuzz(parser, 500, begin=7)
    assert not tally.unexpected
    assert tally.counts[ACCEPTED]
    assert tally.counts[REFUSED] or parser.name == "model_answer"
