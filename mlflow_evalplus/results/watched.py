"""What happened while an experiment was watched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WatchedModel:
    """What became of one model on the present version of the evaluation set.

    Attributes
    ----------
    event : str
        ``evaluated``; ``failed``, and it will be tried again; ``given_up`` after the last try.
    model, model_id : str
    run_id, link : str
        The run that holds the evaluation or the reason, and its page.
    verdict : str
        ``pass``, ``fail`` or ``undecided``; empty where it was not evaluated.
    sentence : str
        The verdict, or why there is none.
    tries : int
        Runs that failed, this one among them.
    remaining : int
        Models that wait for their turn behind it.
    data_digest : str
    """

    event: str
    model: str
    model_id: str
    run_id: str
    link: str
    verdict: str
    sentence: str
    tries: int
    remaining: int
    data_digest: str


@dataclass(frozen=True, slots=True)
class WatchBegin:
    """A model is about to be evaluated: should the process end without a word, this one took it down.

    Attributes
    ----------
    model, model_id, run_id : str
    attempt, tries : int
        Which try it is, of how many.
    data_digest : str
    """

    model: str
    model_id: str
    run_id: str
    attempt: int
    tries: int
    data_digest: str
    event: str = "evaluating"


@dataclass(frozen=True, slots=True)
class DataVersion:
    """The evaluation set as it was read: how many of the models are still to be evaluated on it."""

    data_digest: str
    n_examples: int
    n_models: int
    n_pending: int
    event: str = "data"


@dataclass(frozen=True, slots=True)
class WatchProblem:
    """What keeps the watcher waiting; an empty reason says that it is over."""

    reason: str

    @property
    def event(self) -> str:
        """``problem`` or ``recovered``."""
        return "problem" if self.reason else "recovered"


@dataclass(frozen=True, slots=True)
class WatchPass:
    """One look at an experiment, and what was done.

    Attributes
    ----------
    experiment : str
        Its id.
    data_digest : str
    n_models : int
        Logged models that count: whole ones, the newest where a limit was given.
    n_elsewhere : int
        Those that another watcher is evaluating.
    models : tuple of WatchedModel
        In the order in which they were evaluated; at the end those given up, of this pass and of earlier ones.
    """

    experiment: str
    data_digest: str
    n_models: int
    n_elsewhere: int
    models: tuple[WatchedModel, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed, now or before."""
        return all(model.event == "evaluated" for model in self.models)


WatchEvent = WatchBegin | WatchedModel | DataVersion | WatchProblem
