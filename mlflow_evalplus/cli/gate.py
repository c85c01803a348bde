"""`mlflow-evalplus gate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import (
    EXIT_CODES,
    append_text,
    check_folder,
    console,
    epilog,
    experiment_option,
    json_option,
    print_json,
    requirements_option,
    write_text,
)
from mlflow_evalplus.errors import EvalPlusError

if TYPE_CHECKING:
    from mlflow.entities import Run

    from mlflow_evalplus.results import Evaluation


@click.command(
    "gate",
    epilog=epilog(
        "mlflow-evalplus gate words_rules",
        "mlflow-evalplus gate 3f2a… --requirements stricter.yaml --baseline words",
        'mlflow-evalplus gate --junit gate.xml --summary "$GITHUB_STEP_SUMMARY"',
    ),
)
@click.argument("run", required=False, metavar="[RUN]")
@experiment_option
@requirements_option
@click.option(
    "--baseline", metavar="RUN",
    help="Run to be not worse than, 'previous', 'champion' or models:/NAME@ALIAS; by default the series'.",
)  # fmt: skip
@click.option("--shared", is_flag=True, help="Compare on the shared examples where test sets differ.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write JUnit XML, a test case for each requirement.")
@click.option("--summary", "summary_file", metavar="FILE", help="Add a page in Markdown to the end of this file.")
@json_option
def command(
    run: str | None,
    experiment: str | None,
    requirements_file: str | None,
    baseline: str | None,
    shared: bool,
    junit_file: str | None,
    summary_file: str | None,
    as_json: bool,
) -> None:
    """Hold a run against requirements; without RUN, the winner of the newest series.

    Exit code 0: pass, 3: fail, 4: undecided, 1: error.
    """
    check_folder(junit_file)
    check_folder(summary_file)
    try:
        found, evaluation = _decided(run, experiment, requirements_file, baseline, shared)
    except EvalPlusError as error:
        if junit_file:  # a file of an earlier job must not say that all is well
            from mlflow_evalplus.render.junit import junit_error

            write_text(junit_file, junit_error(str(error), run or ""))
        raise
    _write(found, evaluation, junit_file, summary_file)
    _print(found, evaluation, as_json)
    sys.exit(EXIT_CODES[evaluation.verdict.outcome.value])


def _decided(
    run: str | None, experiment: str | None, requirements_file: str | None, baseline: str | None, shared: bool
) -> tuple[Run, Evaluation]:
    """Return the run, and its evaluation with the verdict by these requirements against this baseline."""
    from mlflow_evalplus.requirements import load as load_requirements
    from mlflow_evalplus.tracking.baseline import find_baseline
    from mlflow_evalplus.tracking.reader import find_runs
    from mlflow_evalplus.tracking.series import compare_runs, load_decided

    wanted = load_requirements(requirements_file) if requirements_file else None
    base: Run | None = None
    if run:
        found = find_runs([run], experiment)[0]
    else:
        series = compare_runs(find_runs((), experiment), requirements=wanted)
        found = series.runs[series.winner]
        base = series.runs[series.baseline] if series.winner != series.baseline else None
    if baseline:
        base = find_baseline(baseline, [found], experiment)
    return found, load_decided(found, requirements=wanted, baseline=base, shared_only=shared)


def _write(found: Run, evaluation: Evaluation, junit_file: str | None, summary_file: str | None) -> None:
    name, run_id = found.info.run_name, found.info.run_id
    if junit_file:
        from mlflow_evalplus.render.junit import junit

        write_text(junit_file, junit(evaluation, name, run_id))
    if summary_file:
        from mlflow_evalplus.render import gate_summary

        append_text(summary_file, gate_summary.page(evaluation, name, run_id))


def _print(found: Run, evaluation: Evaluation, as_json: bool) -> None:
    from dataclasses import asdict

    from mlflow_evalplus.render.data_checks import untrusted
    from mlflow_evalplus.render.terminal import verdict as table

    verdict = evaluation.verdict
    if as_json:
        ids: dict[str, Any] = {
            "run_id": found.info.run_id, "run": found.info.run_name, "data_digest": evaluation.data_digest,
            "requirements_digest": evaluation.requirements.digest if evaluation.requirements else None,
        }  # fmt: skip
        print_json({**ids, **asdict(verdict), "data_errors": untrusted(evaluation)})
        return
    screen = console()
    screen.print(table(verdict))
    screen.print(f"{found.info.run_name} ({found.info.run_id}): {verdict.sentence}", markup=False)
    for error in untrusted(evaluation):
        screen.print(error, style="red", markup=False)
    if verdict.baseline:
        screen.print(f"Differences are from {verdict.baseline}.", markup=False)
    for sampling in verdict.plan:
        screen.print(sampling.text, markup=False)
    for note in verdict.notes:
        screen.print(note, style="yellow", markup=False)
