"""No text of the data is a command to a terminal, in tables, errors or JSON."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from mlflow_evalplus import cli
from mlflow_evalplus.cli.options import console, echo, print_json
from mlflow_evalplus.errors import DataError
from mlflow_evalplus.render.screen import Screen, json_text
from tests.render.test_markdown import CONTROL, is_hidden

COMMANDS = "[red]red[/red]\x1b[31m\x1b]0;owned\x07\x9b31m\r\u202eleft\x00"
OURS = re.compile(r"\x1b\[[\d;]*m")  # colours are all that we send
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


@given(anything)
def test_what_is_printed_moves_nothing(text: str) -> None:
    out = StringIO()
    screen = Screen(file=out, width=60, force_terminal=True, color_system="standard")
    table = Table(f"head {text}")
    table.add_row(Text(text, style="red"))
    for shown in (text, Text(text), table, f"[bold]{text}[/bold]"):
        screen.print(shown, style="green")
    assert not [c for c in OURS.sub("", out.getvalue()) if is_hidden(c) and c != "\n"]
    assert out.getvalue().count("[bold]") == 1 + text.count("[bold]") * 4


@given(st.recursive(anything, lambda inner: st.lists(inner) | st.dictionaries(anything, inner), max_leaves=5))
def test_json_says_the_same_and_nothing_in_it_hides(value: object) -> None:
    for indent in (None, 2):
        text = json_text(value, indent)
        assert json.loads(text) == value
        assert not CONTROL & set(text.replace("\n", ""))


def test_commands_print_it_as_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise DataError(f"no column {COMMANDS}")

    monkeypatch.setattr(cli, "group", fails)
    with pytest.raises(SystemExit):
        cli.main()
    echo(COMMANDS)
    print_json({COMMANDS: [COMMANDS]})
    console().print(COMMANDS)
    found = capsys.readouterr()
    assert found.err.startswith("Error: no column [red]red[/red]")
    for text in (found.out, found.err):
        assert not CONTROL & set(text.replace("\n", ""))
    assert found.out.count("[red]red[/red]") == 4
