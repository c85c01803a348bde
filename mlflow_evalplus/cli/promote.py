"""`mlflow-evalplus promote`."""

from __future__ import annotations

import click

from mlflow_evalplus.cli.options import (
    console,
    epilog,
    experiment_option,
    json_option,
    print_json,
    requirements_option,
)


@click.command(
    epilog=epilog(
        "mlflow-evalplus promote --name sentiment         # the winner of the newest series",
        "mlflow-evalplus promote words_rules --name sentiment --why 'fewest missed complaints'",
        "mlflow-evalplus promote words --name sentiment --baseline champion   # not worse than what is in use",
        "mlflow-evalplus promote --name sentiment --version 3 --champion    # a version that is there already",
        "mlflow-evalplus promote words --name sentiment --force --why 'the old one misses all refunds'",
    )
)
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--name", required=True, help="Registered model; made where it does not exist.")
@click.option("--version", help="Take this version of it instead of registering the run's model.")
@click.option("--alias", metavar="champion|challenger", help="By default 'champion' where the verdict is pass.")
@click.option("--champion", is_flag=True, help="Short for --alias champion.")
@click.option("--force", is_flag=True, help="Make it champion although it did not pass; needs --why.")
@experiment_option
@requirements_option
@click.option(
    "--baseline", metavar="RUN",
    help="Run to be not worse than, 'previous', 'champion' or models:/NAME@ALIAS; by default the series' or run's own.",
)  # fmt: skip
@click.option("--why", default="", help="A sentence that is recorded, on the version and in the history.")
@json_option
def command(
    run: str | None, name: str, version: str | None, alias: str | None, champion: bool, force: bool,
    experiment: str | None, requirements_file: str | None, baseline: str | None, why: str, as_json: bool,
) -> None:  # fmt: skip
    """Register the model of RUN, by default the winner of the newest series, with its evidence.

    The alias is 'champion' where the verdict is pass, else 'challenger', not cleared for launch. The same promotion
    twice makes one version.
    """
    from dataclasses import asdict

    from mlflow_evalplus.tracking.registry.promotion import promote

    run_id, baseline, reason = _found(run, version, experiment, requirements_file, baseline)
    wanted = alias or ("champion" if champion else None)
    why = why or ("" if force else reason)
    done = promote(
        run_id, name, why=why, alias=wanted, version=version or None, force=force,
        baseline=baseline or None, requirements=requirements_file,
    )  # fmt: skip
    if as_json:
        print_json(asdict(done))
        return
    made = "is now" if done.created else "was registered before and is"
    instead = f", instead of version {done.replaced}" if done.replaced not in ("", done.version) else ""
    forced = " (forced)" if done.forced else ""
    console().print(
        f"{done.name} version {done.version} {made} '{done.alias}'{forced}{instead}: {done.reason}\n"
        f"See it: mlflow ui, then Model registry > {done.name} > Version {done.version}",
        markup=False,
    )


def _found(
    run: str | None, version: str | None, experiment: str | None, requirements_file: str | None, baseline: str | None
) -> tuple[str | None, str | None, str]:
    """Return the run's id, the baseline, and why that run where it is the winner of a series."""
    from mlflow_evalplus.requirements import load as load_requirements
    from mlflow_evalplus.tracking.baseline import find_baseline, names_version
    from mlflow_evalplus.tracking.reader import find_runs
    from mlflow_evalplus.tracking.series import compare_runs

    if version and not run:
        return None, baseline, ""
    reason = ""
    if run:
        found = find_runs([run], experiment)[0]
    else:
        wanted = load_requirements(requirements_file) if requirements_file else None
        series = compare_runs(find_runs((), experiment), requirements=wanted)
        found, reason = series.runs[series.winner], series.reason
        if not baseline and series.winner != series.baseline:
            baseline = series.runs[series.baseline].info.run_id
    if baseline and not names_version(baseline):  # names are searched in the experiment
        baseline = find_baseline(baseline, [found], experiment).info.run_id
    return found.info.run_id, baseline, reason
