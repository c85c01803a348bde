"""A fitted model's folder → an MLflow model that loads without us and without a network."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType

from recipes.classifiers import serving
from recipes.classifiers.candidate import Candidate
from recipes.classifiers.job import MODEL_FILE

ALWAYS = ("mlflow", "numpy", "pandas")
OF_KIND = {
    "linear": ("scikit-learn", "scipy", "skops"),
    "embedding": ("torch", "transformers", "safetensors"),
    "transformer": ("torch", "transformers", "safetensors"),
}


def log_model(candidate: Candidate, folder: Path, *, text: str, example: str) -> ModelInfo:
    """Log a fitted model into the active run, as code beside its files.

    Its input is the text, and the column by which it chooses, which may be left out; its output the prediction, a
    score for each label and, with rules, the scores before them.
    """
    content = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    labels = content["labels"]
    kinds = {json.loads(path.read_text(encoding="utf-8"))["kind"] for path in folder.rglob(MODEL_FILE)}
    packages = sorted({*ALWAYS, *(package for kind in kinds for package in OF_KIND.get(kind, ()))})
    inputs = [ColSpec("string", text)]
    row = {text: [example]}
    if candidate.by:
        inputs.append(ColSpec(AnyType(), candidate.by, required=False))  # text, numbers or truth, as the user has it
        row[candidate.by] = [next(iter(content["values"]), "")]
    scores = [f"{kind}.{label}" for kind in ("score", *(["base"] if candidate.rules else [])) for label in labels]
    outputs = [ColSpec("string", "prediction"), *(ColSpec("double", name) for name in scores)]
    return mlflow.pyfunc.log_model(
        name=model_name(candidate.name),
        python_model=str(Path(serving.__file__)),
        artifacts={"model": str(folder)},
        signature=ModelSignature(Schema(inputs), Schema(outputs)),
        input_example=pd.DataFrame(row),
        pip_requirements=[f"{package}=={version(package).partition('+')[0]}" for package in packages],
    )


def model_name(candidate: str) -> str:
    """Return a name that MLflow takes for a model: none of ``/ : . % " '``.

    Examples
    --------
    >>> model_name("transformer:org/bert.base+rules")
    'transformer_org_bert_base+rules'
    """
    return candidate.translate(str.maketrans(dict.fromkeys("/:.%\"'", "_")))
