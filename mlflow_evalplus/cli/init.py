"""`mlflow-evalplus init`."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import check_folder, console, echo, epilog, write_text
from mlflow_evalplus.errors import EvalPlusError, did_you_mean, shorten

if TYPE_CHECKING:
    from mlflow_evalplus.core.draft import Found
    from mlflow_evalplus.core.draft_yaml import Answers

MAX_NAMED = 8
Parse = Callable[[str], Any]


@click.command(
    epilog=epilog(
        "mlflow-evalplus init data.csv",
        "mlflow-evalplus init data.csv --no-ask",
        "mlflow-evalplus init tickets.parquet --label sentiment --output my-requirements.yaml",
    )
)
@click.argument("data", metavar="FILE")
@click.option("--label", default="label", show_default=True, metavar="COLUMN", help="Column of the labels.")
@click.option("--output", default="requirements.yaml", show_default=True, metavar="FILE", help="Where to write.")
@click.option("--ask/--no-ask", default=None, help="Ask for each number, or draft them.  [default: ask on a terminal]")
@click.option("--force", is_flag=True, help="Replace the file where it exists.")
def command(data: str, label: str, output: str, ask: bool | None, force: bool) -> None:
    """Draft a requirements.yaml from a data file (CSV, JSONL or Parquet).

    Finds the labels, likely slice columns, a column that names the customer, and columns that give the label away.
    On a terminal it explains each number and asks for it; Enter takes the default.
    """
    from pathlib import Path

    from mlflow_evalplus.core.draft import look, write_draft
    from mlflow_evalplus.core.files import read_file
    from mlflow_evalplus.render.html import visible
    from mlflow_evalplus.render.planning import sentences
    from mlflow_evalplus.requirements import parse

    if Path(output).exists() and not force:
        raise EvalPlusError(f"{output!r} exists; give another --output, or --force to replace it")
    check_folder(output)
    found = look(read_file(data), label=label)
    screen = console()
    for remark in found.remarks:
        screen.print(f"- {visible(remark)}", markup=False)
    answers = _ask(found) if (sys.stdin.isatty() if ask is None else ask) else found.usual
    text = write_draft(found, answers, Path(data).name)
    write_text(output, text)
    for line in sentences(parse(text), found.labels, found.slices, found.n):
        screen.print(line, markup=False)
    screen.print(f"Wrote {output}. Set the numbers that your launch needs, then:", markup=False)
    screen.print(f"  mlflow-evalplus evaluate --predictions FILE --requirements {output}", markup=False)


def _ask(found: Found) -> Answers:
    """Explain each number and ask for it; an answer that is none is asked again."""
    from dataclasses import replace

    answers = found.usual
    _explain("Accuracy is the share of examples answered right. A model must be shown to reach this number, not only "
             "measured at it, so it has to be somewhat better.")  # fmt: skip
    accuracy = _prompt("Accuracy needed before launch, in %", f"{100 * answers.accuracy:g}", _share)
    answers = replace(answers, accuracy=accuracy)
    answers = _ask_parts(found, answers)
    answers = _ask_class(found, answers)
    answers = _ask_costs(found, answers)
    _explain("A new version can be better on average and worse for some. Here it is compared with the one before it, "
             "example by example; the first version has none to be compared with.")  # fmt: skip
    where = f" in any {_shown(answers.column)}" if answers.column else ""
    margin = _prompt(f"How many points may a new version be worse{where} (1, or none)", "none", _or_none(_points))
    _explain("Latency is the time that one request takes; 95 of 100 must be answered within this limit.")
    latency = _prompt("Latency limit in milliseconds (50, or none)", "none", _or_none(_positive))
    _explain("With the price of a label, every plan to label more says what it costs.")
    label = _prompt("Price of one label (0.08, or none)", "none", _or_none(_money))
    answers = replace(answers, margin=margin, latency_ms=latency, label_price=label)
    if label is not None or answers.dearest:
        answers = replace(answers, currency=_prompt("Currency", answers.currency, _word))
    click.echo()
    return answers


def _ask_parts(found: Found, answers: Answers) -> Answers:
    from dataclasses import replace

    if not found.slices:
        return answers
    _explain("A good average can hide a bad part: every value of one column can be asked for an accuracy of its own.")
    names = list(found.slices)
    column = _prompt(*_choice("Column whose every part must hold", names, answers.column))
    if column is None:
        return replace(answers, column=None, part=None)
    usual = f"{100 * max(answers.accuracy - 0.05, answers.accuracy / 2):g}"
    return replace(
        answers, column=column, part=_prompt(f"Accuracy needed in every {_shown(column)}, in %", usual, _share)
    )


def _ask_class(found: Found, answers: Answers) -> Answers:
    from dataclasses import replace

    _explain("A class can be missed nearly always while the accuracy stays high, the more so the rarer it is.")
    name = _prompt(*_choice("Class that must not be missed", sorted(found.labels), answers.found))
    if name is None:
        return replace(answers, found=None, recall=None)
    return replace(
        answers, found=name, recall=_prompt(f"Share of {_shown(name)} that must be found, in %", "85", _share)
    )


def _ask_costs(found: Found, answers: Answers) -> Answers:
    from dataclasses import replace

    from mlflow_evalplus.core.draft import MANY

    labels = sorted(found.labels)
    if len(labels) > MANY:
        _explain(f"Errors do not cost the same. Among {len(labels)} classes there are too many to ask for: name the "
                 "dear ones under error_costs.")  # fmt: skip
        return answers
    _explain("Errors do not cost the same. With prices the cost of a model's errors is measured, beside their number.")
    label = _prompt(*_choice("Right label of the dearest error", labels, None))
    if label is None:
        return answers
    others = [name for name in labels if name != label]
    _explain(f"And what is {_shown(label)} taken for, in that error?")
    prediction = _prompt(*_choice("It is taken for", others, others[0], needed=True))
    dearest = _prompt("What one such error costs", f"{answers.dearest_cost:g}", _money)
    other = _prompt("What any other error costs", f"{answers.other_cost:g}", _money)
    return replace(answers, dearest=(label, prediction), dearest_cost=dearest, other_cost=other)


def _explain(text: str) -> None:
    echo(f"\n{text}")


def _prompt(text: str, default: str, parse: Parse) -> Any:
    return click.prompt(f"{text} [{_shown(default)}]", default=default, show_default=False, value_proc=parse)


def _shown(name: str | None) -> str:
    """Return a name from the data as a terminal may print it."""
    from mlflow_evalplus.render.html import visible

    return visible(name, 60)


def _choice(text: str, options: Sequence[str], default: str | None, *, needed: bool = False) -> tuple[str, str, Parse]:
    """Return the prompt for one of the options, or for none of them; its word is no option itself."""
    nothing = next(word for word in ("none", "-", "(none)", "(nothing)") if word not in options)

    def parse(text: str) -> str | None:
        if text == nothing and not needed:
            return None
        alike = [option for option in options if option.casefold() == text.casefold()]
        chosen = text if text in options else alike[0] if len(alike) == 1 else None
        if chosen is None:
            raise click.UsageError(f"{text!r} is none of {shorten(options)}.{did_you_mean(text, options)}")
        return chosen

    named = ", ".join(map(_shown, options[:MAX_NAMED])) + (", …" if len(options) > MAX_NAMED else "")
    return f"{text} ({named}{'' if needed else f', or {nothing}'})", nothing if default is None else default, parse


def _or_none(parse: Parse) -> Parse:
    return lambda text: None if text.strip().casefold() == "none" else parse(text)


def _number(text: str, what: str) -> float:
    try:
        value = float(text.strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise click.UsageError(f"{text!r} is no number; give {what}")
    return value


def _share(text: str) -> float:
    """Return 90, 90% or 0.9 as 0.9."""
    what = "a percentage above 0 and below 100, such as 90"
    percent = _number(text.replace("%", ""), what)
    if text.strip() == "1":
        raise click.UsageError(f"'1' may be all or one in 100; give {what}, or 1%")
    value = percent if 0 < percent < 1 and "%" not in text else percent / 100
    if not 0 < value < 1:
        raise click.UsageError(f"{text!r} is out of reach: no number of examples shows it; give {what}")
    return round(value, 6)


def _points(text: str) -> float:
    value = round(_number(text, "points from 0 to below 100, such as 1") / 100, 6)
    if not 0 <= value < 1:
        raise click.UsageError(f"{text!r} is not from 0 to below 100 points")
    return value


def _positive(text: str) -> float:
    value = _number(text, "milliseconds, such as 50")
    if value <= 0:
        raise click.UsageError(f"{text!r} is not above 0")
    return value


def _money(text: str) -> float:
    value = _number(text, "an amount such as 0.08, without a sign")
    if value < 0:
        raise click.UsageError(f"{text!r} is below 0")
    return value


def _word(text: str) -> str:
    if not text.strip():
        raise click.UsageError("give a currency, such as USD")
    return text.strip()
