"""A model's footprint, in a process of its own: what is the model's, what goes wrong, where its files are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models.evaluation.base import _get_model_from_function
from mlflow.pyfunc import PyFuncModel

from mlflow_evalplus.results import Footprint
from mlflow_evalplus.tracking import footprint, fresh_process

TEXTS = pd.DataFrame({"text": ["lovely", "awful"] * 100})
MODEL = """
import os, sys, time
import pandas as pd
import mlflow
from mlflow.models import set_model

class Model(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        pass
        {load}

    def predict(self, context, model_input: pd.DataFrame, params=None):
        pass
        {predict}
        return ["good"] * len(model_input)

set_model(Model())
"""


def saved(folder: Path, load: str = "", predict: str = "", **options: Any) -> Path:
    """Save a model whose code does something as it is loaded, or where it is asked."""
    folder.mkdir(exist_ok=True)
    code = folder / "code.py"
    code.write_text(MODEL.format(load=load, predict=predict))
    mlflow.pyfunc.save_model(str(folder / "model"), python_model=str(code), pip_requirements=["pandas"], **options)
    return folder / "model"


def in_process(tmp_path: Path, load: str = "", predict: str = "", limit_s: float = 60.0) -> Footprint:
    return footprint.in_fresh_process(saved(tmp_path / "m", load, predict), TEXTS, None, limit_s)


def fake(model: PyFuncModel, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let the fresh process be none: return what it would have been given."""
    given: list[Any] = []

    def answer(folder: Path, sample: pd.DataFrame, config: Any, limit_s: float) -> Footprint:
        given.append((folder, sample, config))
        return Footprint(1.0, 2, 3, 4)

    monkeypatch.setattr(footprint, "in_fresh_process", answer)
    return given


def test_a_logged_model_is_found_by_its_id_without_a_download(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = Path("code.py")
    code.write_text(MODEL.format(load="", predict=""))
    info = mlflow.pyfunc.log_model(name="m", python_model=str(code), pip_requirements=["pandas"])
    model = mlflow.pyfunc.load_model(info.model_uri)
    given = fake(model, monkeypatch)
    assert footprint.measure(model, TEXTS) == (Footprint(1.0, 2, 3, 4), ())
    ((folder, sample, config),) = given
    assert (folder / "MLmodel").is_file()
    assert Path(store.removeprefix("sqlite:///")).parent in folder.parents
    assert len(sample) == footprint.SAMPLE
    assert config is None


def test_a_model_with_artifacts_is_found_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words.txt").write_text("lovely")
    folder = saved(tmp_path / "m", artifacts={"words": str(tmp_path / "words.txt")}, model_config={"depth": 3})
    model = mlflow.pyfunc.load_model(str(folder))
    given = fake(model, monkeypatch)
    assert footprint.measure(model, TEXTS)[0] is not None
    assert given[0][0] == folder
    assert given[0][2] == {"depth": 3}


def test_a_model_that_was_only_saved_is_found_where_it_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = saved(tmp_path / "m")
    model = mlflow.pyfunc.load_model(str(folder))
    given = fake(model, monkeypatch)
    found, (note,) = footprint.measure(model, TEXTS)
    assert found is None
    assert note == (
        "The footprint is not known: the model was not logged, so its files are not found; say where it is saved: "
        "footprint: <folder>"
    )
    assert footprint.measure(model, TEXTS, str(folder))[1] == ()
    assert footprint.measure(model, TEXTS, folder.as_uri())[1] == ()
    assert [place for place, _, _ in given] == [folder, folder]


def test_a_large_model_in_a_remote_store_is_not_downloaded_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mlflow.pyfunc.load_model(str(saved(tmp_path / "m")))
    given = fake(model, monkeypatch)
    asked: list[str] = []

    def download(place: str, dst_path: str) -> str:
        asked.append(place)
        return dst_path

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", download)
    assert footprint.measure(model, TEXTS, "s3://bucket/model")[1] == ()
    assert asked == ["s3://bucket/model"]
    assert not given[0][0].exists()  # what was downloaded is gone
    model.metadata.model_size_bytes = 2_500_000_000
    _, (note,) = footprint.measure(model, TEXTS, "s3://bucket/model")
    assert "the model of 2,500 MB lies in a remote store and is not downloaded once more" in note
    assert len(asked) == 1


def test_a_plain_function_has_no_footprint_and_a_served_model_says_why() -> None:
    assert footprint.measure(_get_model_from_function(len), TEXTS) == (None, ())
    served = SimpleNamespace(metadata=object(), pid=7)
    _, (note,) = footprint.measure(served, TEXTS)  # type: ignore[arg-type]
    assert "the model runs in an environment of its own" in note


def test_a_store_that_fails_is_a_note_and_no_error(tmp_path: Path) -> None:
    model = mlflow.pyfunc.load_model(str(saved(tmp_path / "m")))
    found, (note,) = footprint.measure(model, TEXTS, "nowhere://at/all")
    assert found is None
    assert note.startswith("The footprint is not known: MlflowException: ")


def test_the_gpus_peak_is_read_where_the_model_uses_pytorch_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "torch" in sys.modules or fresh_process.gpu_peak() is None
    cuda = SimpleNamespace(
        is_available=lambda: True, device_count=lambda: 2, max_memory_allocated=lambda device: 10**9 * (device + 1)
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))  # type: ignore[arg-type]
    assert fresh_process.gpu_peak() == 3 * 10**9
    cuda.is_available = lambda: False
    assert fresh_process.gpu_peak() is None


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak can be reset on Linux only")
def test_the_peak_is_counted_anew_after_it_was_reset() -> None:
    block = np.ones(80_000_000, dtype=np.uint8)
    high = fresh_process.peak()
    del block
    held = fresh_process.reset_peak()
    assert high is not None
    assert held is not None
    assert fresh_process.peak() - held < 20_000_000  # type: ignore[operator]
    assert high - held > 60_000_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a peak free of the parent's is Linux' only")
def test_memory_is_the_models_and_not_the_trainers(tmp_path: Path) -> None:
    """The parent holds a gigabyte; the model holds 300 MB, and needs 200 MB more for an answer."""
    trainer = np.ones(1_000_000_000, dtype=np.uint8)
    load, predict = "self.held = bytes(1) * 300_000_000", "needed = bytes(b'1') * 200_000_000"
    found = in_process(tmp_path, load, predict)
    assert len(trainer) == 1_000_000_000
    assert found.peak_memory_bytes == pytest.approx(500_000_000, rel=0.1)
    # Python and MLflow beside it, without the gigabyte
    assert found.process_memory_bytes is not None
    assert 550_000_000 < found.process_memory_bytes < 950_000_000


@pytest.mark.slow
def test_load_time_and_size_are_those_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(bytes(3_000_000))
    folder = saved(tmp_path / "m", "time.sleep(1.0)", artifacts={"weights": str(tmp_path / "weights")})
    found = footprint.in_fresh_process(folder, TEXTS, None)
    assert 1.0 < found.load_s < 3.0
    assert 3_000_000 < found.size_bytes < 3_010_000
    assert found.gpu_memory_bytes is None


@pytest.mark.slow
def test_the_working_folder_shadows_nothing_and_code_beside_the_model_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, code = tmp_path / "work", tmp_path / "helper"
    work.mkdir()
    code.mkdir()
    for module in ("json", "mlflow", "pandas", "mlflow_evalplus"):
        (work / f"{module}.py").write_text("raise RuntimeError('shadowed')")
    (code / "__init__.py").write_text("WORD = 'good'")
    folder = saved(tmp_path / "m", "import helper; assert helper.WORD == 'good'", code_paths=[str(code)])
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "path", ["", str(work), *sys.path])
    assert footprint.in_fresh_process(folder, TEXTS, None).load_s > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "predict", "words"),
    [
        ("raise ValueError('no weights <b>')", "", "failed in a fresh process: ValueError: no weights <b>"),
        ("", "raise KeyError('text')", "failed in a fresh process: KeyError: 'text'"),
        ("print('out of luck', file=sys.stderr, flush=True); os._exit(7)", "", "ended with code 7: out of luck"),
        ("os.kill(os.getpid(), 9)", "", "ended with code -9"),
        ("time.sleep(60)", "", "did not answer in a fresh process within 6 s"),
    ],
)
def test_whatever_goes_wrong_there_is_told_in_words(tmp_path: Path, load: str, predict: str, words: str) -> None:
    folder = saved(tmp_path / "m", "", "")
    (folder / "code.py").write_text(MODEL.format(load=load, predict=predict))
    model = mlflow.pyfunc.load_model(str(saved(tmp_path / "whole")))
    found, (note,) = footprint.measure(model, TEXTS, folder, limit_s=6.0 if "60" in load else 60.0)
    assert found is None
    assert note.startswith("The footprint is not known: ")
    assert words in note


@pytest.mark.slow
def test_what_the_fresh_process_prints_is_not_its_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert in_process(tmp_path, "print(json_ := '{\"error\": 1}')").load_s > 0
    assert capfd.readouterr().out == ""


def test_an_answer_holds_the_error_where_the_model_fails(tmp_path: Path) -> None:
    """In this very process, so that it is quick: what cannot be read is told, not raised."""
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    content = {"model": "nowhere", "config": None, "sample": str(tmp_path / "none.parquet"), "answer": str(answer)}
    request.write_text(json.dumps(content))
    fresh_process.main(str(request))
    assert json.loads(answer.read_text())["error"].startswith("FileNotFoundError: ")
