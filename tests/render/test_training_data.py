"""The table of versions."""

from __future__ import annotations

from rich.console import Console

from mlflow_evalplus.render.training_data import MAX_NOTE, terminal
from mlflow_evalplus.results import Version


def test_a_version_is_a_row_and_its_texts_hide_nothing() -> None:
    note = "[red]\u202e</script>\x00" + "x" * 500
    version = Version(
        12, "2026-07-01T09:30:00Z", "c0ffee" * 10, "", 1234, 60, 7, 3, refused={"near_copy": 2}, note=note
    )
    console = Console(width=400, record=True)
    console.print(terminal([version, version]))
    lines = [line for line in console.export_text().splitlines() if "c0ffeec0ffee" in line]
    assert len(lines) == 2
    assert [cell for cell in lines[0].split() if cell][:8] == [
        "12",
        "2026-07-01",
        "09:30",
        "1,234",
        "60",
        "7",
        "3",
        "2",
    ]
    assert "[red][U+202E]</script>␀" in lines[0]
    assert "x" * MAX_NOTE not in lines[0]
    assert "c0ffee" * 3 not in lines[0]


def test_the_sentence_of_a_version_names_only_what_happened() -> None:
    assert Version(1, "", "", "", 5, 0, 5).sentence == "Version 1: 5 rows to train on, 0 held out; 5 added."
    assert Version(2, "", "", "", 5, 1, refused={"same_text": 2, "conflicting_label": 1}).sentence == (
        "Version 2: 5 rows to train on, 1 held out; 3 refused (2 the text of a test row, 1 another label further down)."
    )
    assert Version(2, "", "", "", 5, 1, changed=False).sentence == "Nothing changed; the newest version is still 2."
