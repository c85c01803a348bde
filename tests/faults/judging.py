"""What became of a trial: all is made well again, ``resume``, and the runs are held against a faultless twin."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace

from tests.faults.clients import Ended
from tests.faults.operations import OPERATIONS
from tests.faults.trial import RESULTS, Case, Trial, World
from tests.faults.twin import Experiment, differences, known_from_answers, refreshed

OWN_RUN = {"mlflow.models.evaluate", "mlflow.models.evaluate, logged model", "ep.log"}  # the user's with-block ends it


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes
    ----------
    met : bool
        Whether the fault hit at all.
    how : str
        ``at once``, ``resumed`` (whole after ``resume``), ``answers`` (the same, evaluated from the answers that were
        kept), ``again`` (whole after the same command: nothing had been kept yet), or ``lost``.
    problems : list of str
    running, theirs : int
        Runs left RUNNING by us; and the user's own run, left by MLflow when nothing of ours was missing.
    """

    case: Case
    met: bool
    how: str
    problems: list[str]
    running: int
    theirs: int
    ended: Ended


def run(world: World, case: Case) -> Outcome:
    """Try one case."""
    twin = world.twin(case.operation, case.served)
    trial = Trial(world, case)
    try:
        ended = trial.act()
        met = ended.killed or bool(trial.proxy.hit) or trial.broken
        how, problems, found = _judged(trial, twin, ended)
        theirs = sum(run.name == "mine" and run.status == "RUNNING" for run in found.runs)
        return Outcome(case, met, how, problems, found.running - theirs, theirs, ended)
    finally:
        trial.proxy.close()
        shutil.rmtree(trial.folder, ignore_errors=True)


def _judged(trial: Trial, twin: Experiment, ended: Ended) -> tuple[str, list[str], Experiment]:
    kept, at_once = trial.kept(), trial.look()
    results = bool(RESULTS & set(kept))
    ideal, twin = twin, _expected(trial, twin, at_once, ended, results)
    whole = not results and not differences(twin, at_once)
    # the saved view of a comparison, a tag of the experiment, is an extra that fails in silence
    all_said = not results and not differences(replace(twin, tags={}), replace(at_once, tags={}))
    problems = _words(trial, ended, results, all_said) + _resumed(trial)
    found = trial.look()
    apart = differences(twin, found)
    if not apart:
        return ("at once" if whole else "resumed"), problems + _unchanged(trial, found), found
    if "answers" in kept and not differences(known_from_answers(twin), known_from_answers(found)):
        return "answers", problems + _unchanged(trial, found), found
    again = OPERATIONS[trial.case.operation].again
    if again or not (results or trial.seen_kept or any(not run.empty for run in found.runs if run.name != "trained")):
        once_more = trial.run(trial.case.operation)
        found = trial.look()
        compared = found.without_empty("mine")
        left = differences(ideal, refreshed(compared) if again else compared)
        if not left:
            return "again", problems, found
        apart = [*left, f"the command again: {once_more.code} {once_more.printed[-400:]!r}"]
    return "lost", problems + apart, found


def _expected(trial: Trial, twin: Experiment, found: Experiment, ended: Ended, kept: bool) -> Experiment:
    """Return the twin; where the user's own with-block has not ended well, with the end status that its run may have.

    That is FAILED, or FINISHED when all had been done; and where nothing is kept of it, what MLflow left.
    """
    if trial.case.operation not in OWN_RUN or ended.code == 0:
        return twin
    left = [run.status for run in found.runs if run.name == "mine"]
    status = left[0] if len(left) == 1 and (not kept or left[0] == "FINISHED") else "FAILED"
    return replace(twin, runs=[replace(run, status=status) if run.name == "mine" else run for run in twin.runs])


def _words(trial: Trial, ended: Ended, kept: bool, whole: bool) -> list[str]:
    """Return what the client should have said and has not."""
    theirs = trial.case.operation in OWN_RUN and "NotLogged" not in ended.printed  # MLflow's own error, after our part
    if ended.killed or (theirs and ended.code):
        return []
    if kept and "mlflow-evalplus resume" not in ended.printed:
        return [f"something is kept, and the client did not say so: {ended.printed[-400:]!r}"]
    if ended.code in (0, 3, 4) and not kept and not whole:
        return [f"the client ended with {ended.code} as if all were well"]
    if "Traceback" in ended.printed and trial.case.operation not in OWN_RUN:
        return [f"a traceback: {ended.printed[-600:]!r}"]
    return []


def _resumed(trial: Trial) -> list[str]:
    ended = trial.run("resume")
    left = [str(path.relative_to(trial.folder)) for path in trial.folder.glob("spool/*/*")]
    problems = [f"resume ended with {ended.code}: {ended.printed[-600:]!r}"] if ended.code else []
    return problems + ([f"resume left {left}"] if left else [])


def _unchanged(trial: Trial, found: Experiment) -> list[str]:
    """Do it a second time, and the command too where that is to change nothing."""
    problems = _resumed(trial)
    if OPERATIONS[trial.case.operation].again:
        trial.run(trial.case.operation)
    after = refreshed(trial.look()) if OPERATIONS[trial.case.operation].again else trial.look()
    return problems + [f"a second time: {word}" for word in differences(found, after)]
