"""What several commands share: options, printing, exit codes."""

from __future__ import annotations

import os
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
    help="requirements.yaml; what was logged by default.",
)


def _columns(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    return columns(value) if value else None


def _some_columns(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str]:
    return columns(value)


store_text_option = click.option(
    "--store-text", type=click.Choice(["full", "masked", "hash", "none"]), help="How much of the texts is stored: all, "
    "with e-mail, phone, card and ID numbers masked, hashes, or nothing.  [default: the requirements', else full]",
)  # fmt: skip
# What is told of labelled rows, under the names of `Request`'s fields.
_ROWS = (
    click.option("--requirements", metavar="FILE", callback=_given, help="requirements.yaml."),
    click.option("--label", metavar="COLUMN", callback=_given,
                 help="Column of the labels.  [default: the requirements', else 'label']"),
    click.option("--slices", metavar="COLUMN,...", callback=_columns,
                 help="Slice columns.  [default: the requirements']"),
    click.option("--id", "example_id", metavar="COLUMN", callback=_given,
                 help="Column that names each example across runs."),
    click.option("--text", metavar="COLUMN", callback=_given,
                 help="Text column.  [default: the requirements', else 'text' if there]"),
    click.option("--cluster", metavar="COLUMN", callback=_given,
                 help="Column of what rows belong together by, such as a customer."),
    click.option("--annotators", metavar="COLUMN,...", callback=_some_columns,
                 help="Columns of the annotators' votes."),
    click.option("--train", "training", metavar="FILE", callback=_given,
                 help="The training rows: tell which words the model cannot know."),
    click.option("--rules", metavar="FILE", callback=_given,
                 help="Keyword rules: a YAML list of {pattern: …, label: …}."),
    store_text_option,
    click.option("--timing/--no-timing", default=True, show_default=True,
                 help="Time a model and measure its footprint; leave it out where requests cost money."),
)  # fmt: skip


def row_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that tell of labelled rows; they are the arguments of a `Request`."""
    for option in reversed(_ROWS):
        command = option(command)
    return command


def columns(text: str | None) -> list[str]:
    """Return the names in a comma-separated list."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def console() -> Console:
    """Return a terminal that wraps nothing when its output is piped, and on which whatever is printed is text."""
    from mlflow_evalplus.render.screen import Screen

    terminal = Screen(soft_wrap=True)
    return terminal if terminal.is_terminal else Screen(soft_wrap=True, width=160)


def echo(text: str, *, err: bool = False) -> None:
    """Print text that may hold names and texts of others: no control character of theirs reaches the terminal."""
    if not text.isprintable():
        from mlflow_evalplus.render.screen import plain

        text = plain(text)
    click.echo(text, err=err)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Yield what shows the step at hand beside a spinner; where the output is piped it shows nothing."""
    from rich.text import Text

    from mlflow_evalplus.render.screen import Screen

    screen = Screen(stderr=True)
    if not screen.is_terminal:
        yield lambda step: None
        return
    with screen.status("") as status:
        yield lambda step: status.update(Text(step))


def print_json(content: Any, indent: int | None = 2) -> None:
    """Print strict JSON: what is not finite becomes null. Without `indent` it is one line."""
    from mlflow_evalplus.render.screen import json_text

    def strict(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strict(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [strict(item) for item in value]
        return None if isinstance(value, float) and value - value != 0 else value

    click.echo(json_text(strict(content), indent))


def check_folder(path: str | None) -> None:
    """Check that a file can be written here, before what it will hold is computed.

    Raises
    ------
    EvalPlusError
        The folder is not there, it may not be written to, or the path is a folder itself.
    """
    from pathlib import Path

    from mlflow_evalplus.errors import EvalPlusError

    if not path:
        return
    folder = Path(path).resolve().parent
    if Path(path).is_dir():
        raise EvalPlusError(f"cannot write {path!r}: it is a folder")
    if not folder.is_dir():
        raise EvalPlusError(f"cannot write {path!r}: there is no folder {str(folder)!r}")
    if not os.access(folder, os.W_OK):
        raise EvalPlusError(f"cannot write {path!r}: the folder {str(folder)!r} may not be written to")


def write_text(path: str, text: str) -> None:
    """Write a file, whole or not at all: what was there stays until all of the text is on the disk.

    Raises
    ------
    EvalPlusError
        The folder is not there, or may not be written to.
    """
    import secrets
    from pathlib import Path

    from mlflow_evalplus.errors import EvalPlusError

    target = Path(path).resolve()
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if target.exists() and not target.is_file():  # a pipe, or /dev/stdout
            target.write_text(text, encoding="utf-8")
            return
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise EvalPlusError(f"cannot write {path!r}: {error.strerror}") from None


def append_text(path: str, text: str) -> None:
    """Add a paragraph to a file, which is made where there is none.

    Raises
    ------
    EvalPlusError
        It cannot be written.
    """
    from pathlib import Path

    from mlflow_evalplus.errors import EvalPlusError

    try:
        with Path(path).open("ab") as file:
            before = "\n" if file.tell() else ""
            file.write(f"{before}{text}".encode())
    except OSError as error:
        raise EvalPlusError(f"cannot write {path!r}: {error.strerror}") from None


def epilog(*examples: str) -> str:
    """Return the examples that close a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
