"""What happened while an experiment was watched, one line each."""

from __future__ import annotations

from mlflow_evalplus.render import unseen
from mlflow_evalplus.results.watched import DataVersion, WatchBegin, WatchedModel, WatchEvent, WatchPass

MAX_LINE = 400
_SPACES = dict.fromkeys((*unseen.CONTROLS, *unseen.FORMATS, *unseen.SURROGATES), " ")


def line(event: WatchEvent) -> str:
    """Return an event in words; characters that would move a terminal's cursor become spaces.

    Examples
    --------
    >>> line(DataVersion("8c1f0e77aa02", 1800, 500, 3))
    'Data 8c1f0e77aa02, 1,800 examples: 3 of 500 models to evaluate, newest first.'
    """
    if isinstance(event, DataVersion):
        todo = f"{event.n_pending:,} of {_models(event.n_models)} to evaluate, newest first"
        return (
            f"Data {event.data_digest}, {event.n_examples:,} examples: "
            f"{todo if event.n_pending else f'nothing to do for {_models(event.n_models)}'}."
        )
    if isinstance(event, WatchBegin):
        return f"Evaluating {_plain(event.model)} (try {event.attempt} of {event.tries}) …"
    if isinstance(event, WatchedModel):
        return _of_model(event)
    return f"{_sentence(event.reason)} Waiting." if event.reason else "It works again."


def _of_model(event: WatchedModel) -> str:
    tries = f"try {event.tries}" if event.tries > 1 or event.event == "failed" else ""
    kind = {"evaluated": "", "failed": f"FAILED ({tries}): ", "given_up": f"GIVEN UP (failed {event.tries} times): "}
    rest = f" ({event.remaining:,} to go)" if event.remaining else ""
    return f"{_plain(event.model)}: {kind[event.event]}{_plain(event.sentence)} {event.link}{rest}"


def counts(done: WatchPass) -> dict[str, str | int]:
    """Return what a pass comes to, as numbers."""
    kinds = [model.event for model in done.models]
    return {
        "data_digest": done.data_digest, "models": done.n_models, "elsewhere": done.n_elsewhere,
        **{kind: kinds.count(kind) for kind in ("evaluated", "failed", "given_up")},
    }  # fmt: skip


def end(done: WatchPass) -> str:
    """Return what a pass comes to, in words.

    Examples
    --------
    >>> end(WatchPass("1", "8c1f0e77aa02", 500, 1, ()))
    '500 models: 0 evaluated now, 1 in the hands of another watcher.'
    """
    number = counts(done)
    words = {
        "failed": "failed, to be tried again", "given_up": "given up", "elsewhere": "in the hands of another watcher",
    }  # fmt: skip
    parts = [f"{number[kind]:,} {text}" for kind, text in words.items() if number[kind]]
    return ", ".join([f"{_models(done.n_models)}: {number['evaluated']:,} evaluated now", *parts]) + "."


def _models(n: int) -> str:
    return "1 model" if n == 1 else f"{n:,} models"


def _sentence(text: str) -> str:
    text = _plain(text)
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _plain(text: str) -> str:
    text = text.translate(_SPACES).strip()
    return text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + "…"
