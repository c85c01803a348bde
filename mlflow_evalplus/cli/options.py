"""What several commands share: options, printing, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = {"pass": 0, "fail": 3, "undecided": 4}


def _given(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Take an empty value as none: an MLproject passes its empty defaults on."""
    return value or None


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
experiment_option = click.option(
    "--experiment", metavar="NAME", callback=_given, help="Search in this experiment only."
)
requirements_option = click.option(
    "--requirements",
    "requirements_file",
    metavar="FILE",
    callback=_given,
    help="requirements.yaml; the run's own by default.",
)


def columns(text: str | None) -> list[str]:
    """Return the names in a comma-separated list."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def console() -> Console:
    """Return a terminal that wraps nothing when its output is piped."""
    from rich.console import Console

    terminal = Console(highlight=False, soft_wrap=True)
    return terminal if terminal.is_terminal else Console(highlight=False, soft_wrap=True, width=160)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Yield what shows the step at hand beside a spinner; where the output is piped it shows nothing."""
    from rich.console import Console
    from rich.text import Text

    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield lambda step: None
        return
    with screen.status("") as status:
        yield lambda step: status.update(Text(step))


def print_json(content: Any) -> None:
    """Print strict JSON: what is not finite becomes null."""

    def strict(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strict(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [strict(item) for item in value]
        return None if isinstance(value, float) and value - value != 0 else value

    click.echo(json.dumps(strict(content), ensure_ascii=False, indent=2, default=str))


def write_text(path: str, text: str) -> None:
    """Write a file.

    Raises
    ------
    EvalPlusError
        The folder is not there, or may not be written to.
    """
    from pathlib import Path

    from mlflow_evalplus.errors import EvalPlusError

    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvalPlusError(f"cannot write {path!r}: {error.strerror}") from None


def epilog(*examples: str) -> str:
    """Return the examples that close a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
