"""MLflow's artifact view lines our tables up over runs: the key in front, the summary of each run beside it."""

from __future__ import annotations

import pytest

from mlflow_evalplus import names
from tests.browser import ui
from tests.browser.conftest import Served

pytestmark = ui.MARKS


@pytest.mark.parametrize(
    ("table", "column", "key"),
    [(names.SLICES_TABLE, "slice", "channel=web"), (names.CONFUSION_TABLE, "key", "negative → neutral")],
)
def test_a_table_is_grouped_by_its_key_and_compares_the_summary(
    served: Served, table: str, column: str, key: str
) -> None:
    with ui.browser_page(height=2400) as page:
        ui.open_table(page, f"{served.address}{served.view}", table)
        row = page.get_by_role("row").filter(has=page.get_by_text(key, exact=True))
        row.wait_for(timeout=30_000)
        assert page.get_by_label('Select "group by" columns').inner_text().split() == ["Group", "by:", column]
        frames = {
            name: (e.slices if table == names.SLICES_TABLE else e.confusion).frame().set_index(column)
            for name, e in served.series.evaluations.items()
        }
        for frame in frames.values():
            assert row.get_by_text(frame.loc[key, "summary"], exact=True).is_visible()
