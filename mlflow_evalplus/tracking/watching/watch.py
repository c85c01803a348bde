"""Continuous evaluation: every logged model of an experiment, on the present version of the evaluation set."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from mlflow.entities import LoggedModel

from mlflow_evalplus.asking.secrets import hidden
from mlflow_evalplus.core.privacy.keeping import stored_error
from mlflow_evalplus.errors import EvalPlusError, TrackingError
from mlflow_evalplus.render import markdown
from mlflow_evalplus.results.watched import (
    DataVersion,
    WatchBegin,
    WatchedModel,
    WatchEvent,
    WatchPass,
    WatchProblem,
)
from mlflow_evalplus.tracking import links, store
from mlflow_evalplus.tracking.entry import Request, evaluate_on
from mlflow_evalplus.tracking.watching import claim
from mlflow_evalplus.tracking.watching.evaluation_set import EvaluationSet
from mlflow_evalplus.tracking.watching.outage import is_outage
from mlflow_evalplus.tracking.watching.pending import Look, UnknownExperiment, experiment_id, look
from mlflow_evalplus.tracking.writer import NOTE

TRIES = 3
LOOK_AGAIN_S = 60.0  # in a long pass: models and evaluations that others added meanwhile
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0  # while MLflow does not answer
MAX_REASON = 1000


def watch_once(
    experiment: str,
    data: str,
    request: Request | None = None,
    *,
    newest: int | None = None,
    tries: int = TRIES,
    on_event: Callable[[WatchEvent], None] = lambda event: None,
) -> WatchPass:
    """Evaluate every logged model of an experiment that has none on the present version of a file, newest first.

    An evaluation is a FINISHED run of this experiment with the digest of these data and with the model among its
    inputs or outputs, whoever made it. Several processes may do this at once: each model is evaluated by one of them.

    Parameters
    ----------
    experiment : str
        Name or id.
    data : str
        File of labelled data, with ids or texts: they and the labels make its version.
    request : Request, optional
        Columns, requirements, and what else is known of the data.
    newest : int, optional
        Only so many models, the newest; by default all.
    tries : int
        A model that failed so often on this version is left alone, until its FAILED runs are deleted.
    on_event : callable
        Told what happens, as it happens.

    Returns
    -------
    WatchPass

    Raises
    ------
    EvalPlusError
        The data or the requirements are wrong; there is no such experiment; MLflow does not answer.
    """
    return Watcher(experiment, EvaluationSet(data, request or Request()), newest, tries, on_event).once()


@dataclass
class Watcher:
    """Watches one experiment; `once` is a pass, `forever` one after the other."""

    experiment: str
    data: EvaluationSet
    newest: int | None = None
    tries: int = TRIES
    on_event: Callable[[WatchEvent], None] = lambda event: None
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._id = ""
        self._announced = ""
        self._problem = ""
        self._named = set[tuple[str, str]]()
        self._known = dict[str, set[str]]()
        self._interrupt: KeyboardInterrupt | None = None

    def stop(self, interrupt: KeyboardInterrupt) -> None:
        """Be stopped by this before the next model at the latest; for a signal's handler, which raises it as well."""
        self._interrupt = interrupt

    def _stop_if_asked(self) -> None:
        if self._interrupt:
            raise self._interrupt

    def once(self) -> WatchPass:
        """Evaluate what waits; a model whose evaluation fails is not tried twice in one pass."""
        self.data.read_again()
        done, lost, tried = list[WatchedModel](), 0, set[tuple[str, str]]()
        held, looked = self._look(), time.monotonic()
        while True:
            waiting = [model for model in held.pending if (model.model_id, self.data.digest) not in tried]
            if not waiting:
                break
            self._stop_if_asked()
            model = waiting[0]
            tried.add((model.model_id, self.data.digest))
            result = self._evaluate(model, len(held.failures[model.model_id]), len(waiting) - 1)
            done += [result] if result else []
            lost += not result
            if self.data.read_again() or time.monotonic() - looked > LOOK_AGAIN_S:
                held, looked = self._look(), time.monotonic()
        done += self._given_up(held, {model.model_id for model in done})
        return WatchPass(self._id, self.data.digest, len(held.models), held.n_elsewhere + lost, tuple(done))

    def forever(self, interval: float) -> None:
        """Pass after pass, `interval` seconds apart, until an interrupt; whatever is down or broken is waited for.

        Only at the beginning wrong data and an unknown experiment are errors: then somebody is there to read them.
        """
        pause = 0.0
        while True:
            try:
                self.once()
                self._say("")
                pause = 0.0
            except UnknownExperiment:
                raise
            except TrackingError as error:
                self._say(str(error))
                pause = min(max(2 * pause, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
            except EvalPlusError as error:
                if not self.data.digest:
                    raise
                self._say(str(error))
                pause = 0.0
            self._stop_if_asked()
            self.sleep(pause or interval)

    def _say(self, problem: str) -> None:
        """Tell what keeps the watcher waiting, once; nothing tells that it is over."""
        if problem != self._problem:
            self._problem = problem
            self.on_event(WatchProblem(problem))

    def _look(self) -> Look:
        client = store.client()
        with store.reaching():
            self._id = self._id or experiment_id(client, self.experiment)
            found = look(client, self._id, self.data.digest, newest=self.newest, tries=self.tries, known=self._known)
        self._say("")
        if self._announced != self.data.digest:
            self._announced = self.data.digest
            self.on_event(DataVersion(self.data.digest, self.data.n, len(found.models), len(found.pending)))
        return found

    def _evaluate(self, model: LoggedModel, failed: int, remaining: int) -> WatchedModel | None:
        """Evaluate one model, unless somebody else does."""
        run_id = self._begin(model, failed + 1)
        if run_id is None:
            return None
        try:
            with claim.beating(run_id):
                request = replace(self.data.request, run_id=run_id)
                evaluation, _ = evaluate_on(model.model_uri, self.data.labelled, request)
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # a model may fail in any way
            if self._interrupt or isinstance(error, KeyboardInterrupt):
                with suppress(TrackingError):
                    _end(run_id, "KILLED", "The watcher was stopped while this was evaluated.")
                raise self._interrupt or error from None
            if isinstance(error, EvalPlusError) and is_outage(error):
                _end(run_id, "KILLED", claim.UNANSWERED)
                raise
            reason = hidden(str(error) if isinstance(error, EvalPlusError) else f"{type(error).__name__}: {error}")
            words = markdown.escape(stored_error(error, reason, self.data.store_text), MAX_REASON)
            if _end(run_id, "FAILED", f"Try {failed + 1} of {self.tries}: {words}"):
                kind = "failed" if failed + 1 < self.tries else "given_up"
                return self._tell(kind, model, run_id, reason, tries=failed + 1, remaining=remaining)
            raise  # it was evaluated, and cannot be read
        verdict = evaluation.verdict
        return self._tell(
            "evaluated", model, run_id, verdict.sentence, verdict=verdict.outcome.value, tries=failed,
            remaining=remaining,
        )  # fmt: skip

    def _begin(self, model: LoggedModel, attempt: int) -> str | None:
        """Claim a model and say so; whoever cannot be told, a closed pipe for one, does not cost the model a try."""
        with store.reaching():
            run_id = claim.claim(self._id, model.model_id, model.name, self.data.digest)
        if run_id is None:
            return None
        try:
            self.on_event(WatchBegin(model.name, model.model_id, run_id, attempt, self.tries, self.data.digest))
        except BaseException:
            with suppress(TrackingError):
                _end(run_id, "KILLED", "The watcher was stopped before this was evaluated.")
            raise
        return run_id

    def _given_up(self, held: Look, known: set[str]) -> list[WatchedModel]:
        """Name the models that failed too often, in earlier passes."""
        found = []
        for model in held.given_up:
            if model.model_id not in known:
                runs = held.failures[model.model_id]
                reason = re.sub(r"^Try \d+ of \d+: ", "", markdown.unescape(runs[0].data.tags.get(NOTE, "")))
                found.append(self._tell("given_up", model, runs[0].info.run_id, reason, tries=len(runs)))
        return found

    def _tell(
        self, event: str, model: LoggedModel, run_id: str, sentence: str, *, verdict: str = "", tries: int = 0,
        remaining: int = 0,
    ) -> WatchedModel:  # fmt: skip
        """Return what became of a model; what is given up is told once."""
        result = WatchedModel(
            event, model.name, model.model_id, run_id, links.run_page(self._id, run_id), verdict, sentence, tries,
            remaining, self.data.digest,
        )  # fmt: skip
        if event != "given_up" or (model.model_id, self.data.digest) not in self._named:
            self.on_event(result)
        if event == "given_up":
            self._named.add((model.model_id, self.data.digest))
        return result


def _end(run_id: str, status: str, why: str) -> bool:
    """End a run that was not finished; say whether that was so."""
    client = store.client()
    with store.reaching():
        if claim.is_evaluation(client.get_run(run_id)):
            return False
        claim.end(client, run_id, status, why)
    return True
