"""What may be written for a candidate, and what it then means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.errors import DataError
from recipes.classifiers.candidate import BASES, Candidate, parse


@given(
    st.sampled_from(list(BASES)),
    st.lists(st.sampled_from(["rules", "consensus", "temperature", "by:channel"]), unique=True),
)
def test_every_base_takes_every_part_in_any_order(base: str, parts: list[str]) -> None:
    found = parse("+".join([base, *parts]))
    expected = Candidate(
        found.name, base, by="channel" if "by:channel" in parts else None, rules="rules" in parts,
        consensus="consensus" in parts, temperature="temperature" in parts,
    )  # fmt: skip
    assert found == expected
    assert found.same_as(parse("+".join([base, *reversed(parts)])))


def test_a_checkpoint_keeps_its_slashes_and_colons() -> None:
    assert parse("transformer:org/bert-base").checkpoint == "org/bert-base"
    assert parse(r"transformer:C:\models\bert+rules").checkpoint == r"C:\models\bert"
    assert "org/bert-base" in parse("embedding:org/bert-base").note


def test_a_scenario_is_words_by_a_column_the_first_slice_unless_it_is_named() -> None:
    assert parse("scenario:language").same_as(parse("words+by:language"))
    assert parse("scenario+rules", columns=["channel", "language"]).by == "channel"
    assert parse("words+by", columns=["channel"]).by == "channel"
    whole = parse("scenario:language+temperature").for_all
    assert whole is not None
    assert whole.same_as(parse("words+temperature"))
    assert parse("words").for_all is None


def test_a_name_of_a_recipe_takes_further_parts() -> None:
    found = parse("best+temperature", {"best": "words_chars+rules"})
    assert found.same_as(parse("words_chars+rules+temperature"))
    assert found.name == "best+temperature"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("wordz", "unknown candidate 'wordz'.*Did you mean 'words'?"),
        ("", "unknown candidate ''"),
        ("words+rulez", "unknown part 'rulez'; parts are .*Did you mean 'rules'?"),
        ("words:3", "'words' takes no argument"),
        ("words+rules:mine.yaml", "'rules' takes no argument"),
        ("scenario", "needs a column: write 'by:COLUMN' or 'scenario:COLUMN'"),
        ("words+", "unknown part ''"),
        ("words+by:language+by:channel", "has the part 'by' twice"),
        ("transformer:", "ends with ':'"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(line: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        parse(line)
