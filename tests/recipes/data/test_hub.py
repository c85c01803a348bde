"""The hub, over HTTP: every form of a reference, the commit that it stands for, and what can go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import config
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from mlflow_evalplus.errors import DataError
from recipes.data import hub as hub_room
from recipes.data import sources
from recipes.data.hub import HubData, parse
from tests.recipes.data.hub_server import TEST, TRAIN, Hub, serving
from tests.recipes.test_run import all_runs, command

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def contents() -> Hub:
    return Hub()


@pytest.fixture
def hub(contents: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve a hub, and point the libraries to it; they read their settings when they are imported."""
    with serving(contents) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(config, "HF_ENDPOINT", served.url)
        monkeypatch.setattr(config, "HUB_DATASETS_URL", served.url + "/datasets/{repo_id}/resolve/{revision}/{path}")
        monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "datasets")
        yield served


NAMES = st.text("abcXYZ019_-.", min_size=1, max_size=8)
WORDS = st.text("abc019._-", min_size=1, max_size=8)
REFERENCES = st.one_of(
    st.builds(HubData, NAMES, revision=WORDS | st.just(""), split=st.sampled_from(["", "train", "train[:10%]+test"])),
    st.builds(
        HubData, st.builds("{}/{}".format, NAMES, NAMES), WORDS | st.just(""), st.just("") | st.just("refs/pr/1"),
        st.sampled_from(["", "test"]),
    ),
)  # fmt: skip


@given(REFERENCES)
def test_a_reference_is_read_as_it_is_written(data: HubData) -> None:
    assert parse(str(data)) == data


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ("hf:", None),
        ("hf:/name", None),
        ("hf:owner/name/config/more", None),
        ("hf:owner/name@", None),
        ("hf:owner/name@a@b", None),
        ("hf:owner/<script>", None),
        ("hf:owner/na\0me", None),
        ("hf://datasets/owner/name", "hf:owner/name"),
        ("hf:https://hub.example/datasets/owner/name/viewer", "hf:owner/name"),
    ],
)
def test_another_form_is_refused_with_the_right_one(reference: str, meant: str | None) -> None:
    with pytest.raises(DataError, match=r"names no data set of the hub; write hf:owner/name\[/config\]") as caught:
        sources.load(reference)
    assert str(caught.value).endswith(f"Did you mean {meant!r}?" if meant else "[#split].")


def test_rows_come_with_their_split_their_names_of_classes_and_their_commit(hub: Hub) -> None:
    found = sources.load("hf:team/moods/mood")
    names = ["bad", "good", None]
    assert found.frame["text"].tolist() == TRAIN["text"] + TEST["text"]
    labels = [names[code] for code in TRAIN["label"] + TEST["label"]]
    assert [label if isinstance(label, str) else None for label in found.frame["label"]] == labels
    assert found.frame["split"].tolist() == ["train"] * 6 + ["test"] * 3
    source = found.source
    assert (source.name, source.reference) == ("team/moods/mood", f"hf:team/moods/mood@{hub.new}")
    assert source.note == (
        f"hf:team/moods/mood is at commit {hub.new}; write {source.reference} to get the same rows again"
    )
    again = sources.load(source.reference)
    assert again.frame.equals(found.frame)
    assert again.source.note == ""


def test_each_revision_has_its_own_rows(hub: Hub) -> None:
    for revision in ("v1", hub.old):
        found = sources.load(f"hf:team/moods/mood@{revision}#train")
        assert found.frame["text"].tolist() == TRAIN["text"][:2]
        assert found.source.reference == f"hf:team/moods/mood@{hub.old}#train"
        assert bool(found.source.note) == (revision == "v1")
    assert len(sources.load("hf:team/moods/mood@main#train").frame) == 6


def test_splits_are_chosen_and_cut_in_the_words_of_datasets_and_each_part_knows_its_own(hub: Hub) -> None:
    found = sources.load("hf:team/moods/mood#train[:2]+test")
    assert found.frame["text"].tolist() == TRAIN["text"][:2] + TEST["text"]
    assert found.frame["split"].tolist() == ["train"] * 2 + ["test"] * 3
    parts = [found.source.of(part).to_dict() for _, part in found.frame.groupby("split", sort=False)]
    same = {"path": "team/moods", "config_name": "mood", "revision": hub.new, "data_dir": None, "data_files": None}
    assert parts == [{**same, "split": "train[:2]"}, {**same, "split": "test"}]


def test_two_cuts_of_one_split_are_both_there(hub: Hub) -> None:
    found = sources.load("hf:team/moods/mood#train[:2]+test[:1]+train[-1:]")
    assert found.frame["text"].tolist() == [*TRAIN["text"][:2], TRAIN["text"][-1], TEST["text"][0]]
    train = found.frame[found.frame["split"] == "train"]
    assert found.source.of(train).load()["text"] == train["text"].tolist()


def test_mlflow_loads_the_same_rows_from_the_source(hub: Hub) -> None:
    found = sources.load("hf:team/moods/mood")
    test = found.frame[found.frame["split"] == "test"]
    assert found.source.of(test).load()["text"] == test["text"].tolist()


def test_a_name_without_owner_is_found_where_it_is_today_though_a_folder_has_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "train.csv").write_text("text,label\nlocal,a\n", encoding="utf-8")
    found = sources.load("hf:plain")
    assert found.frame["text"].tolist() == TRAIN["text"]
    assert found.source.name == "team/plain"


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("hf:team/mods/mood", "there is no data set 'team/mods' on the hub, or you may not see it (log in: hf auth "
                              "login). Did you mean 'team/moods'?"),
        ("hf:oods", "there is no data set 'oods'"),
        ("hf:moods", "Did you mean 'team/moods'?"),
        ("hf:other/mood", "If 'mood' is a configuration, the owner is missing"),
        ("hf:team/moods/mod", "no configuration 'mod'; it has ['mood', 'shout']. Did you mean 'mood'?"),
        ("hf:team/moods", "has the configurations ['mood', 'shout']; name one: hf:team/moods/mood@"),
        ("hf:team/moods/mood@v11", "'team/moods' has no revision 'v11'. Did you mean 'v1'?"),
        ("hf:team/moods/mood@nowhere", "It has ['main', 'v1'], and commits."),
        ("hf:team/moods/mood#tset", "no split 'tset'; it has ['train', 'test']. Did you mean 'test'?"),
        ("hf:team/moods/mood#test[9:]", "has no rows"),
        ("hf:team/moods/mood#test[x]", "cannot be loaded from the hub: "),
        ("hf:team/scripted", "is made by a loading script, which is code; none is run here"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_one_line_with_what_is(hub: Hub, reference: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        sources.load(reference)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_the_hub_only_the_commit_that_was_asked_for_is_taken_from_what_was_kept(hub: Hub) -> None:
    hub_url = hub.url
    with pytest.raises(DataError, match="no data set"):
        sources.load("hf:team/nothing")
    old, new = (sources.load(f"hf:team/moods/mood@{commit}").frame for commit in (hub.old, hub.new))
    hub.silent = True
    kept = sources.load(f"hf:team/moods/mood@{hub.old}")
    assert kept.frame.equals(old)
    assert kept.source.note == ""
    assert sources.load(f"hf:team/moods/mood@{hub.new}").frame.equals(new)
    newest = sources.load("hf:team/moods/mood")
    assert newest.source.note.startswith("hf:team/moods/mood is at commit ")
    assert "(the hub does not answer; kept from an earlier call)" in newest.source.note
    with pytest.raises(DataError, match=rf"the hub {hub_url} does not answer .*is commit \w+, not 'v1'"):
        sources.load("hf:team/moods/mood@v1")
    with pytest.raises(DataError, match=r"does not answer .* was not kept on this machine by an earlier call"):
        sources.load("hf:team/plain")
    hub.silent = False


def test_a_hub_that_falls_silent_midway_does_not_pass_other_rows_off_as_those_asked_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources.load("hf:team/moods/mood@v1")
    asked = HubData("team/moods", "mood")
    monkeypatch.setattr(hub_room, "_at_commit", lambda data: (HubData("team/moods", "mood", "f" * 40), None))
    with pytest.raises(DataError, match="cannot be loaded"):
        sources.load(str(asked))


@pytest.mark.slow
def test_a_fresh_process_with_the_hubs_own_settings_prints_the_commit_and_one_line_of_error(tmp_path: Path) -> None:
    script = "import sys\nfrom recipes.data.sources import load\nfound = load(sys.argv[1])\nprint(found.source.note)"
    with serving(Hub()) as served:
        environment = {**os.environ, "HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        done, failed = (
            subprocess.run(
                [sys.executable, "-c", script, reference], capture_output=True, text=True, check=False, env=environment
            )
            for reference in ("hf:team/moods/mood", "hf:team/moods/mod")
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert f"is at commit {served.new}" in done.stdout
        assert failed.stderr.splitlines()[-1].endswith("Did you mean 'mood'?")


@pytest.mark.slow
def test_the_recipe_prints_the_commit_and_its_runs_keep_it(
    store: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = command(monkeypatch, "--data", "hf:team/moods/mood#train", "--candidates", "words", "--test-size", "0.4")
    assert done.exit_code == 0, done.output
    assert f"hf:team/moods/mood#train is at commit {hub.new};" in done.stdout.replace("\n", " ")
    (run,) = (run for run in all_runs() if run.info.run_name == "words")
    assert run.data.params["rows_from"] == f"hf:team/moods/mood@{hub.new}#train"
    sources_of = [json.loads(one.dataset.source) for one in run.inputs.dataset_inputs]
    assert [(one["revision"], one["split"]) for one in sources_of] == [(hub.new, "train")] * 2
    again = sources.load(f"run:{run.info.run_id}")
    assert again.source.reference == run.data.params["rows_from"]
