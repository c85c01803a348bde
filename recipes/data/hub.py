"""A data set of the Hugging Face hub → rows, with the commit that they are from."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlflow_evalplus.errors import DataError, did_you_mean, shorten
from recipes.data import files
from recipes.data.loaded import HUB, Loaded, Source

if TYPE_CHECKING:
    import datasets

PREFIX = "hf:"
FORM = "hf:owner/name[/config][@revision][#split]"
REFERENCE = re.compile(
    r"hf:(?:(?P<owned>[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)(?:/(?P<config>[^/@#<>:\\|?*\x00-\x1f]+))?|(?P<alone>[A-Za-z0-9_.-]+))"
    r"(?:@(?P<revision>[^@#\x00-\x20]+))?(?:#(?P<split>[^@#\x00-\x1f]+))?"
)
TIMEOUT_S = 10
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class HubData:
    """A data set of the hub: ``hf:path[/config][@revision][#split]``.

    Attributes
    ----------
    path : str
        ``owner/name``, or ``name`` alone for the few that have no owner.
    config : str
        Its configuration, or nothing for the default one.
    revision : str
        A branch, a tag or a commit; nothing for the newest.
    split : str
        Which of its splits, in `datasets`' own words joined by ``+``: ``train[:1000]+test``; nothing for all.

    Examples
    --------
    >>> str(HubData("cardiffnlp/tweet_eval", config="sentiment", revision="main"))
    'hf:cardiffnlp/tweet_eval/sentiment@main'
    """

    path: str
    config: str = ""
    revision: str = ""
    split: str = ""

    @property
    def name(self) -> str:
        """Path and configuration."""
        return f"{self.path}/{self.config}" if self.config else self.path

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.name}{revision}" + (f"#{self.split}" if self.split else "")


def parse(reference: str) -> HubData:
    """Read a reference to a data set of the hub.

    Raises
    ------
    DataError
        It has another form.

    Examples
    --------
    >>> parse("hf:cardiffnlp/tweet_eval/sentiment@main#train[:1000]+test")
    HubData(path='cardiffnlp/tweet_eval', config='sentiment', revision='main', split='train[:1000]+test')
    >>> parse("hf:imdb").path
    'imdb'
    """
    found = REFERENCE.fullmatch(reference)
    if not found:
        address = re.search(r"datasets/([\w.-]+/[\w.-]+)", reference, re.ASCII)
        meant = f" Did you mean '{PREFIX}{address[1]}'?" if address else ""
        raise DataError(f"{reference!r} names no data set of the hub; write {FORM}.{meant}")
    parts = {key: value or "" for key, value in found.groupdict().items()}
    return HubData(parts["owned"] or parts["alone"], parts["config"], parts["revision"], parts["split"])


def load(reference: str) -> Loaded:
    """Load a data set of the hub; its splits become the column ``split``.

    Where the hub does not answer, what an earlier call has kept on this machine is taken, if it is of the revision
    that was asked for.

    Raises
    ------
    DataError
        There is no such data set, revision, configuration or split; it is a loading script; the hub does not answer.
    """
    asked = parse(reference)
    files.quieten()
    found, builder, remark = _builder(asked)
    splits = _splits(found, builder)
    try:
        parts = {name: builder.as_dataset(split=words) for name, words in splits.items()}
    except Exception as error:
        if "corresponds to no data" in str(error):
            raise DataError(f"{str(found)!r} has no rows") from None
        raise _loading_error(found, error) from error
    frame = files.together(parts)
    if frame.empty:
        raise DataError(f"{str(found)!r} has no rows")
    fields = {"path": found.path, "config_name": found.config or None, "revision": found.revision}
    said = f"{asked} is at commit {found.revision}{remark}; write {found} to get the same rows again"
    note = "" if found.revision == asked.revision else said
    return Loaded(frame, Source(str(found), found.name, HUB, fields, splits, note))


def _builder(asked: HubData) -> tuple[HubData, datasets.DatasetBuilder, str]:
    """Return what was asked for at its commit, what makes its rows, and a remark."""
    import datasets

    found, unreached = _at_commit(asked)
    if unreached:
        return *_kept(asked, unreached), " (the hub does not answer; kept from an earlier call)"
    try:
        # with the scheme it can be no local folder of that name
        builder = datasets.load_dataset_builder(
            f"hf://datasets/{found.path}", found.config or None, revision=found.revision
        )
        builder.download_and_prepare()
    except Exception as error:
        raise _loading_error(found, error) from error
    if builder.hash != found.revision:  # `datasets` takes whatever it has kept where the hub stops answering
        raise DataError(f"{str(found)!r} cannot be loaded: the hub stopped answering")
    return found, builder, ""


def _at_commit(asked: HubData) -> tuple[HubData, Exception | None]:
    """Return what was asked for with the hub's own name and commit, or why the hub cannot be asked."""
    from datasets import config
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    api = HfApi(endpoint=config.HF_ENDPOINT)
    try:
        info = api.dataset_info(asked.path, revision=asked.revision or None, timeout=TIMEOUT_S)
    except RevisionNotFoundError:
        raise DataError(f"{asked.path!r} has no revision {asked.revision!r}.{_revisions(api, asked)}") from None
    except RepositoryNotFoundError:
        raise DataError(_not_found(api, asked)) from None
    except HfHubHTTPError as error:
        if error.response is not None and error.response.status_code < 500:
            raise _loading_error(asked, error) from error
        return asked, error
    except Exception as error:  # each version of the hub's client has its own errors of the network
        return asked, error
    return replace(asked, path=info.id, revision=str(info.sha)), None


def _not_found(api: Any, asked: HubData) -> str:
    owner, _, name = asked.path.rpartition("/")
    known: list[str] = []
    with suppress(Exception):
        known = [info.id for info in api.list_datasets(**({"author": owner} if owner else {"search": name}), limit=200)]
    return (
        f"there is no data set {asked.path!r} on the hub, or you may not see it (log in: hf auth login)."
        + (did_you_mean(asked.path, known) or (f" Of that name there are {shorten(known, 5)}." if known else ""))
        + (f" If {name!r} is a configuration, the owner is missing: write {FORM}." if owner and not known else "")
    )


def _revisions(api: Any, asked: HubData) -> str:
    with suppress(Exception):
        refs = api.list_repo_refs(asked.path, repo_type="dataset")
        known = [ref.name for ref in (*refs.branches, *refs.tags)]
        return did_you_mean(asked.revision, known) or f" It has {shorten(known)}, and commits."
    return ""


def _kept(asked: HubData, unreached: Exception) -> tuple[HubData, datasets.DatasetBuilder]:
    """Return what an earlier call has kept on this machine, if it is of the commit that was asked for."""
    from datasets import config
    from datasets.packaged_modules.cache.cache import Cache

    why = f"the hub {config.HF_ENDPOINT} does not answer ({_first_line(unreached)})"
    name = asked.path.rpartition("/")[2]
    try:
        version, commit = ("0.0.0", asked.revision) if COMMIT.fullmatch(asked.revision) else ("auto", "auto")
        builder = Cache(
            dataset_name=name, repo_id=asked.path, config_name=asked.config or None, version=version, hash=commit
        )
        builder.download_and_prepare()
    except Exception:
        raise DataError(f"{why}, and {asked.name!r} was not kept on this machine by an earlier call") from None
    if asked.revision not in ("", builder.hash):
        raise DataError(f"{why}, and what this machine has kept of {asked.name!r} is commit {builder.hash}, "
                        f"not {asked.revision!r}")  # fmt: skip
    config_name = "" if builder.config.name == "default" else str(builder.config.name)
    return replace(asked, config=config_name, revision=str(builder.hash)), builder


def _splits(found: HubData, builder: datasets.DatasetBuilder) -> dict[str, str]:
    """Return each split that was asked for with what `datasets` is asked for: all of it, or cuts of it."""
    known = list(builder.info.splits or {})
    parts = found.split.split("+") if found.split else known
    splits: dict[str, str] = {}
    for part in map(str.strip, parts):
        name = part.partition("[")[0].strip()
        if name not in known:
            raise DataError(f"{found.name!r} has no split {name!r}; it has {known}.{did_you_mean(name, known)}")
        splits[name] = f"{splits[name]}+{part}" if name in splits else part
    return splits


def _loading_error(found: HubData, error: Exception) -> DataError:
    """Return our words for what `datasets` says; a wrong configuration is told by its list of them."""
    import datasets

    reason = _first_line(error)
    if "scripts are no longer supported" in reason:
        return DataError(f"{found.path!r} is made by a loading script, which is code; none is run here. Its owner can "
                         "turn it into Parquet (datasets-cli convert_to_parquet)")  # fmt: skip
    if "onfig" in reason:  # "BuilderConfig 'x' not found", "Config name is missing"
        with suppress(Exception):
            configs = datasets.get_dataset_config_names(f"hf://datasets/{found.path}", revision=found.revision)
            if found.config not in configs:
                return DataError(_config_error(found, configs))
    return DataError(f"{str(found)!r} cannot be loaded from the hub: {reason}")


def _config_error(found: HubData, configs: list[str]) -> str:
    if not found.config:
        return (
            f"{found.path!r} has the configurations {shorten(configs)}; name one: {replace(found, config=configs[0])}"
        )
    return (f"{found.path!r} has no configuration {found.config!r}; it has {shorten(configs)}."
            + did_you_mean(found.config, configs))  # fmt: skip


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
