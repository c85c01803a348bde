"""`mlflow-evalplus compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlflow_evalplus.cli.options import (
    check_folder,
    console,
    echo,
    epilog,
    experiment_option,
    json_option,
    print_json,
    requirements_option,
    steps,
    write_text,
)

if TYPE_CHECKING:
    from mlflow_evalplus.tracking.comparison_run import LoggedComparison
    from mlflow_evalplus.tracking.series import Series


@click.command(
    epilog=epilog(
        "mlflow-evalplus compare --open                   # the newest series",
        "mlflow-evalplus compare words words_chars --baseline majority",
        "mlflow-evalplus compare words_chars --baseline champion",
        "mlflow-evalplus compare --experiment sentiment --no-log --json",
    )
)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@experiment_option
@click.option(
    "--baseline", metavar="RUN",
    help="Run to compare against, 'previous', 'champion' or models:/NAME@ALIAS; the first by default.",
)  # fmt: skip
@requirements_option
@click.option("--shared", is_flag=True, help="Compare on the shared examples where test sets differ.")
@click.option("--open", "opened", is_flag=True, help="Show the page in the browser.")
@click.option(
    "--output", metavar="FILE", type=click.Path(dir_okay=False),
    help="Write the page, HTML or a name ending in .md, and nothing to MLflow.",
)  # fmt: skip
@click.option("--no-log", is_flag=True, help="Print only; write nothing to MLflow.")
@json_option
def command(
    runs: tuple[str, ...],
    experiment: str | None,
    baseline: str | None,
    requirements_file: str | None,
    shared: bool,
    opened: bool,
    output: str | None,
    no_log: bool,
    as_json: bool,
) -> None:
    """Compare runs, given by id or name, row by row; without any, the newest series.

    Differences are paired, against the baseline, with 95 % intervals, and are recorded on the runs. The comparison
    becomes a run of its own, with a page; comparing the same runs again refreshes it.
    """
    from mlflow_evalplus.requirements import load as load_requirements
    from mlflow_evalplus.tracking.baseline import find_baseline
    from mlflow_evalplus.tracking.comparison_run import log_comparison, words
    from mlflow_evalplus.tracking.reader import find_runs
    from mlflow_evalplus.tracking.recorded import record_baseline
    from mlflow_evalplus.tracking.series import compare_runs
    from mlflow_evalplus.tracking.writer import gathering

    check_folder(output)
    wanted = load_requirements(requirements_file) if requirements_file else None
    with steps() as on_step:
        on_step("looking for runs")
        found = find_runs(runs, experiment)
        base = find_baseline(baseline, found, experiment) if baseline else None
        series = compare_runs(found, baseline=base, requirements=wanted, shared_only=shared, on_step=on_step)
    if not as_json:
        _print(series)
    with steps() as on_step:
        on_step("writing the page")
        if output:
            write_text(output, series.page if output.lower().endswith(".md") else series.report)
        alone = len(series.runs) < 2  # a run that is compared with nothing makes no comparison
        logged = None
        if not (output or no_log or alone):
            with gathering():
                record_baseline(series)
                logged = log_comparison(series)
    if as_json:
        print_json(_plain(series, logged))
    else:
        echo("\n".join(words(series, logged)))
    if output:
        click.echo(f"The page: {output}", err=True)
    if opened:
        _show(series.report)


def _plain(series: Series, logged: LoggedComparison | None) -> dict[str, Any]:
    from dataclasses import asdict

    from mlflow_evalplus.tracking.comparison_run import where_to_look

    front, family = series.side_by_side.front, series.family
    return {
        "winner": series.winner, "reason": series.reason, "baseline": series.baseline, "notes": series.notes,
        "choice": asdict(series.choice), "front": asdict(front) if front else None,
        "family": {**asdict(family), "unbeaten": family.unbeaten} if family else None,
        "difference": asdict(series.difference) if series.difference else None,
        "runs": {name: {"run_id": run.info.run_id, "verdict": series.evaluations[name].verdict.outcome.value,
                        "metrics": {k: asdict(e) for k, e in series.evaluations[name].metrics.items()},
                        "comparison": asdict(series.comparisons[name]) if name in series.comparisons else None}
                 for name, run in series.runs.items()},
        "comparison_run_id": logged.run_id if logged else None,
        "links": where_to_look(series, logged),
    }  # fmt: skip


def _print(series: Series) -> None:
    from mlflow_evalplus.render import difference
    from mlflow_evalplus.render.comparison import sentences, terminal

    screen = console()
    screen.print(terminal(series.side_by_side))
    for sentence in (series.reason, *sentences(series.side_by_side)):
        screen.print(sentence, markup=False)
    if series.difference:
        screen.print(difference.terminal(series.difference))
    for note in series.notes:
        screen.print(note, markup=False)


def _show(page: str) -> None:
    """Write the page to a temporary file, which stays, and show it; say where it is, on the error stream."""
    import tempfile
    import webbrowser
    from pathlib import Path

    folder = tempfile.mkdtemp(prefix="evalplus-")
    path = Path(folder) / "comparison.html"
    write_text(str(path), page)
    shown = webbrowser.open(path.as_uri())
    click.echo(f"The page: {path}" if shown else f"There is no browser to show it; the page is {path}", err=True)
