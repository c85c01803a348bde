"""`mlflow-evalplus load`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlflow_evalplus.cli.options import (
    check_folder,
    console,
    epilog,
    json_option,
    print_json,
    steps,
    write_text,
)
from mlflow_evalplus.errors import EvalPlusError

if TYPE_CHECKING:
    from mlflow_evalplus.asking.candidate import Candidate
    from mlflow_evalplus.asking.candidates import Plan
    from mlflow_evalplus.asking.specs import Spec


@click.command(
    epilog=epilog(
        "mlflow-evalplus load --candidates candidates.yaml --name small --questions questions.jsonl --rate 5",
        "mlflow-evalplus load --candidates candidates.yaml --questions questions.jsonl --rate 20 --seconds 120 "
        "--arrivals constant --output load.md",
    )
)
@click.option("--candidates", "plan_file", metavar="FILE", required=True, help="candidates.yaml.")
@click.option("--name", metavar="NAME", help="The candidate to ask.  [default: the only one that is called]")
@click.option("--questions", "questions_file", metavar="FILE", required=True, help="JSONL or CSV; asked over and over.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), required=True, metavar="PER_SECOND",
              help="Requests that come each second, whether or not others were answered.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
              help="For how long they come.  [default: 30, unless --requests]")  # fmt: skip
@click.option("--requests", "n", type=click.IntRange(min=1), metavar="N", help="How many come, in place of --seconds.")
@click.option("--arrivals", type=click.Choice(["poisson", "constant"]), default="poisson", show_default=True,
              help="As of many users on their own, or evenly.")  # fmt: skip
@click.option("--max-in-flight", type=click.IntRange(min=1), default=256, show_default=True, metavar="N",
              help="A request that is due while so many are under way is dropped, and counted.")  # fmt: skip
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=60, show_default=True, metavar="SECONDS",
              help="For how long the last answers are waited for.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the arrivals.")
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Also write the page, Markdown.")
@json_option
def command(
    plan_file: str,
    name: str | None,
    questions_file: str,
    rate: float,
    seconds: float | None,
    n: int | None,
    arrivals: str,
    max_in_flight: int,
    wait_s: float,
    seed: int,
    output: str | None,
    as_json: bool,
) -> None:
    """Put one endpoint under a stated load: latency, time to the first token, errors.

    It costs what its answers cost: about rate × seconds of them.
    """
    from mlflow_evalplus.asking.candidates import read_candidates
    from mlflow_evalplus.asking.load_test import load_test
    from mlflow_evalplus.core.questions.reading import read_questions
    from mlflow_evalplus.render import load_test as render

    if seconds and n:
        raise click.UsageError("give --seconds or --requests, not both")
    check_folder(output)
    plan = read_candidates(plan_file, {"model": _mlflow_model})
    candidate, questions = _named(plan, name), read_questions(questions_file)
    with steps() as on_step:
        on_step(f"asking {candidate.name}")
        found = load_test(
            candidate, questions, rate=rate, seconds=None if n else seconds or 30, n=n, arrivals=arrivals,
            max_in_flight=max_in_flight, wait_s=wait_s, system=plan.system, seed=seed,
            budget=plan.budget, currency=plan.currency,
        )  # fmt: skip
    if output:
        write_text(output, render.page(found) + "\n")
        click.echo(f"The page: {output}", err=True)
    if as_json:
        from dataclasses import asdict

        print_json({"sentence": render.headline(found), "keeps_up": found.keeps_up, **asdict(found)})
        return
    screen = console()
    for part in render.terminal(found):
        screen.print(part)


def _mlflow_model(spec: Spec) -> Candidate:
    from mlflow_evalplus.tracking.selection.mlflow_model import maker

    return maker(spec)


def _named(plan: Plan, name: str | None) -> Candidate:
    """Return the candidate of this name, or the only one that is called."""
    from mlflow_evalplus.errors import did_you_mean, shorten

    asking = {candidate.name: candidate for candidate in plan.candidates if candidate.asks}
    known = [candidate.name for candidate in plan.candidates]
    if name is None and len(asking) == 1:
        return next(iter(asking.values()))
    if name is None:
        raise EvalPlusError(f"name one of the candidates with --name: {shorten(known)}")
    if name not in known:
        raise EvalPlusError(f"no candidate is called {name!r}; there are {shorten(known)}.{did_you_mean(name, known)}")
    return next(candidate for candidate in plan.candidates if candidate.name == name)
