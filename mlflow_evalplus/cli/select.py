"""`mlflow-evalplus select`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import (
    check_folder,
    console,
    echo,
    epilog,
    json_option,
    print_json,
    store_text_option,
    write_text,
)
from mlflow_evalplus.errors import EvalPlusError

if TYPE_CHECKING:
    from mlflow_evalplus.asking.candidates import Plan
    from mlflow_evalplus.results import Answer, Selection
    from mlflow_evalplus.tracking.registry.promotion import Promotion
    from mlflow_evalplus.tracking.selection.runs import LoggedSelection
    from mlflow_evalplus.tracking.selection.select import Selected

INTERRUPTED = 130
EXIT = {"choose": 0, "tied": 0, "none": 3, "undecided": 4}


@click.command(
    epilog=epilog(
        "mlflow-evalplus select questions.jsonl --candidates candidates.yaml --requirements requirements.yaml",
        "mlflow-evalplus select questions.jsonl --candidates candidates.yaml --only small,large --repeats 3",
        "mlflow-evalplus select questions.jsonl --candidates candidates.yaml --rescore --no-log --output page.html",
        "mlflow-evalplus select questions.jsonl --candidates candidates.yaml --register support-model",
        "mlflow-evalplus select questions.jsonl --candidates candidates.yaml --register support-model --take small",
    )
)
@click.argument("questions", metavar="QUESTIONS")
@click.option("--candidates", metavar="FILE", required=True, help="candidates.yaml: who is asked.")
@click.option("--requirements", "requirements_file", metavar="FILE", help="requirements.yaml: its section "
              "'selection' and its priority.  [default: coverage of at least 0.9, accuracy first]")  # fmt: skip
@click.option("--only", metavar="NAME,...", help="Ask these candidates only.")
@click.option("--repeats", metavar="N", type=click.IntRange(1), help="How often each question is asked.  "
              "[default: the candidates file's, else 1]")  # fmt: skip
@click.option("--journal", metavar="FILE", help="Where every answer is kept as it comes; what is in it is not asked "
              "again.  [default: the candidates file's, else selection.journal.jsonl]")  # fmt: skip
@click.option("--budget", metavar="MONEY", type=click.FloatRange(0, min_open=True), help="Ask for no more than this "
              "costs.  [default: the candidates file's, else no limit]")  # fmt: skip
@click.option("--prices", metavar="FILE", help="A table of prices by model, in place of the candidates file's; "
              "a candidate's own price goes before it.")  # fmt: skip
@click.option("--rescore", is_flag=True, help="Call nobody: score the answers of the journal again.")
@click.option("--why/--no-why", default=True, show_default=True, help="Ask again what was failed, to say why.")
@click.option("--register", metavar="NAME", help="Register the chosen model under this name.")
@click.option(
    "--take", metavar="CANDIDATE", help="Register this candidate, as challenger where it is not the chosen one."
)
@click.option("--force", is_flag=True, help="Make the candidate of --take champion all the same; needs --why-take.")
@click.option("--why-take", metavar="TEXT", default="", help="A sentence that is recorded, on the version and in the "
              "history.")  # fmt: skip
@click.option("--run-name", metavar="NAME", help="Name of the MLflow run.  [default: selection]")
@click.option("--experiment", metavar="NAME", help="Experiment to log into.")
@click.option("--no-log", is_flag=True, help="Print only; write no MLflow run.")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Also write the page (HTML).")
@store_text_option
@json_option
def command(questions: str, candidates: str, **options: Any) -> None:
    """Choose a model by your own questions: ask, score, say why and at what cost, decide.

    QUESTIONS is a JSONL or CSV file; see docs/questions.md. Every candidate becomes a child run of one selection.

    Exit code: 0 a model is to be taken, 3 every candidate fails a gate, 4 undecided, or tied with nobody to take,
    1 error, or no answer came at all, 130 stopped. What --take registers does not change it.
    """
    sys.exit(run(questions, candidates, **options))


def run(
    questions: str,
    candidates: str,
    *,
    requirements_file: str | None = None,
    only: str | None = None,
    repeats: int | None = None,
    journal: str | None = None,
    budget: float | None = None,
    prices: str | None = None,
    rescore: bool = False,
    why: bool = True,
    register: str | None = None,
    take: str | None = None,
    force: bool = False,
    why_take: str = "",
    run_name: str | None = None,
    experiment: str | None = None,
    no_log: bool = False,
    output: str | None = None,
    store_text: Any = None,
    as_json: bool = False,
) -> int:
    """Do what the command does; return its exit code."""
    from mlflow_evalplus import requirements as asked
    from mlflow_evalplus.cli.options import columns
    from mlflow_evalplus.core.privacy.selection import stored_selection
    from mlflow_evalplus.tracking.selection.select import Selected, plan_of, select

    check_folder(output)
    _check_register(register, take, force, why_take, no_log=no_log)
    with _progress() as (on_step, _):
        on_step("reading the candidates")
        plan = plan_of(candidates, only=columns(only), budget=budget, prices=prices)
    _check_take(take, plan)
    try:
        with _progress() as (on_step, on_answer):
            selected = select(
                questions, plan, requirements_file or None, repeats=repeats, journal=journal, why=why, rescore=rescore,
                on_step=on_step, on_answer=on_answer,
            )  # fmt: skip
    except KeyboardInterrupt:
        click.echo(f"\nStopped. The answers that came are in {journal or plan.journal}; the same command goes on from "
                   "there.", err=True)  # fmt: skip
        return INTERRUPTED
    store_text = store_text or asked.load(requirements_file or None).store_text
    selected = Selected(*stored_selection(selected.selection, selected.questions, store_text))
    selection = selected.selection
    if not as_json:
        _print(selection)
    if output:
        _write(selected, output, run_name or "")
    logged = None if no_log else _log(selected, run_name, experiment, quiet=as_json)
    version = None
    if register and logged:
        version = _register(selection, logged, register, plan, candidate=take or "", force=force, why=why_take)
    if as_json:
        _print_json(selection, logged, version)
    elif version:
        echo(f"{register} version {version.version} is {version.alias}: {version.reason}")
    decision = selection.decision
    return EXIT["undecided" if decision.outcome == "tied" and not decision.chosen else decision.outcome]


@contextmanager
def _progress() -> Iterator[tuple[Callable[[str], None], Callable[[Answer], None]]]:
    """Yield what is told each step and each answer: a spinner with how many came, failed, and cost."""
    from rich.text import Text

    from mlflow_evalplus.render.screen import Screen

    screen = Screen(stderr=True)
    came = {"answers": 0, "errors": 0}
    step = ""

    with screen.status("") as status:

        def show() -> None:
            errors = f", {came['errors']} errors" if came["errors"] else ""
            counted = f" ({came['answers']:,} answers{errors})" if came["answers"] else ""
            status.update(Text(f"{step}{counted}"))

        def on_step(text: str) -> None:
            nonlocal step
            step = text
            show()

        def on_answer(answer: Answer) -> None:
            came["answers"] += 1
            came["errors"] += not answer.answered
            show()

        yield on_step, on_answer


def _print(selection: Selection) -> None:
    from mlflow_evalplus.render.selection import terminal

    screen = console()
    for part in terminal(selection):
        screen.print(part)


def _write(selected: Selected, output: str, run_name: str) -> None:
    from mlflow_evalplus.render import selection_report

    write_text(output, selection_report.page(selected.selection, selected.questions, run_name))
    click.echo(f"The page: {output}", err=True)


def _log(selected: Selected, run_name: str | None, experiment: str | None, *, quiet: bool) -> LoggedSelection:
    from mlflow_evalplus.tracking import links
    from mlflow_evalplus.tracking.selection.runs import log_selection

    logged = log_selection(selected.selection, selected.questions, run_name=run_name, experiment=experiment)
    if not quiet:
        serve = links.serve_command()
        look = f"Look, after `{serve}`:" if serve else "Look:"
        echo(f"Logged as run {logged.run_id}. {look}\n  the decision  {logged.report}")
        if len(logged.candidates) > 1:
            echo(f"  side by side  {logged.side_by_side}")
    return logged


def _check_register(register: str | None, take: str | None, force: bool, why_take: str, *, no_log: bool) -> None:
    if register and no_log:
        raise EvalPlusError("--register needs the run of the selection as its evidence; leave out --no-log")
    if not register and (take or force or why_take):
        raise EvalPlusError("--take, --force and --why-take are about what is registered; give --register NAME as well")
    if force and not take:
        raise EvalPlusError("--force makes the candidate of --take champion; give --take CANDIDATE as well")
    if force and not why_take.strip():
        raise EvalPlusError('--force needs a reason: --why-take "…"')


def _check_take(take: str | None, plan: Plan) -> None:
    from mlflow_evalplus.errors import did_you_mean, shorten

    known = [candidate.name for candidate in plan.candidates]
    if take and take not in known:
        raise EvalPlusError(
            f"--take: nobody is called {take!r}; asked are {shorten(known)}.{did_you_mean(take, known)}"
        )


def _register(selection: Selection, logged: LoggedSelection, name: str, plan: Plan, **how: Any) -> Promotion:
    from mlflow_evalplus.tracking.selection.register import register_chosen

    return register_chosen(selection, plan.candidates, logged.candidates, name, system=plan.system, **how)


def _print_json(selection: Selection, logged: LoggedSelection | None, version: Promotion | None) -> None:
    from dataclasses import asdict

    whole = asdict(selection)
    for candidate in whole["candidates"]:
        del candidate["items"]  # every answer: they are in the runs
    print_json({
        "run_id": logged.run_id if logged else None, "candidate_runs": logged.candidates if logged else {},
        "page": logged.report if logged else None, "side_by_side": logged.side_by_side if logged else None,
        "registered": asdict(version) if version else None, **whole,
    })  # fmt: skip
