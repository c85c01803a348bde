"""Three parts of the rows: counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_evalplus import names
from recipes.flywheel.parts import COLLECTED, OVERALL, REST, frame, parts

ROW = st.tuples(*[st.sampled_from(["a", "b"])] * 3)
ROWS = st.lists(ROW, min_size=3, max_size=25)


def rows_of(drawn: list[tuple[str, ...]]) -> pd.DataFrame:
    return pd.DataFrame(drawn, columns=["label", "new", "old"]).assign(text="x")


@settings(max_examples=8, deadline=None)
@given(ROWS, ROWS)
def test_fixed_and_broken_are_counted_in_each_part(test: list[tuple[str, ...]], held: list[tuple[str, ...]]) -> None:
    found = parts(rows_of(test), rows_of(held), lambda rows: rows["new"], lambda rows: rows["old"],
                  text="text", label="label")  # fmt: skip
    assert [part.name for part in found] == [OVERALL, COLLECTED, REST]
    for part, rows in zip(found, (held + test, held, test), strict=True):
        fixed = sum(new == label != old for label, new, old in rows)
        broken = sum(old == label != new for label, new, old in rows)
        assert (part.n, part.fixed, part.broken) == (len(rows), fixed, broken)
        assert part.difference is not None
        assert part.difference.value == pytest.approx((fixed - broken) / len(rows))
    table = frame(found)
    assert list(table.columns) == list(names.RETRAIN_COLUMNS)
    assert (table["challenger"] - table["champion"]).tolist() == pytest.approx(table["difference"].tolist())


def test_without_a_champion_or_collected_cases_there_is_one_part_and_nothing_to_compare() -> None:
    test = rows_of([("a", "a", "b"), ("b", "a", "b"), ("a", "a", "a")])
    (only,) = parts(test, test.head(0), lambda rows: rows["new"], None, text="text", label="label")
    assert (only.name, only.n, only.champion, only.difference) == (REST, 3, None, None)
    assert only.summary.endswith("there is no champion to compare with")
    assert frame([only])["difference"].isna().all()
