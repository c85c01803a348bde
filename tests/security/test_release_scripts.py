"""What the audit and the release's own check count as wrong: never silence for a pass."""

from __future__ import annotations

from datetime import date
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 6, 1)


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    loader = SourceFileLoader(f"ci_{name}", str(ROOT / ".ci" / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def dependency(name: str, *ids: str, **more: Any) -> dict[str, Any]:
    vulns = [{"id": one, "aliases": [f"CVE-{one}"], "fix_versions": ["2.0"]} for one in ids]
    return {"name": name, "version": "1.0", "vulns": vulns, **more}


def test_an_exception_holds_until_its_day_and_for_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    audit = script("audit", monkeypatch)
    listed = (
        "# a comment\n\nPYSEC-1 | 2026-06-01 | not reached by us\nCVE-PYSEC-2 | 2026-05-31 | late\nPYSEC-3 | soon\n"
    )
    ids, wrong = audit.exceptions(f"{listed}PYSEC-4 | 2027-01-01 |\n", TODAY)
    assert ids == {"PYSEC-1", "CVE-PYSEC-2", "PYSEC-4"}
    assert [one.split(":")[0][:45] for one in wrong] == [
        "the exception of CVE-PYSEC-2 ended on 2026-05", "line 5 is not 'id | YYYY-MM-DD | why'",
        "line 6 lacks its id or its reason",
    ]  # fmt: skip
    found = [dependency("a", "PYSEC-1"), dependency("b", "PYSEC-2"), dependency("c", "PYSEC-9"), dependency("d")]
    assert audit.judged(found, ids) == (
        ["c 1.0: CVE-PYSEC-9, PYSEC-9; mended in 2.0", "the exception of PYSEC-4 is needed by nothing: remove it"], [],
    )  # fmt: skip
    assert audit.exceptions((ROOT / ".ci" / "audit.exceptions").read_text("utf-8"), TODAY)[1] == []


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ({"pypi": ([dependency("a")], "")}, 0, "1 dependencies asked of pypi: 0 problems"),
        ({"pypi": ([dependency("a", "X")], "")}, 1, "a 1.0: CVE-X, X"),
        ({"pypi": ([], "no network"), "osv": ([dependency("a")], "")}, 0, "asked of osv"),
        ({"pypi": ([], "no network"), "osv": ([], "no network")}, 3, "AUDIT NOT RUN"),
        ({"pypi": ([dependency("a", skip_reason="?")], ""), "osv": ([], "none")}, 3, "does not know 1 of 1"),
        ({"pypi": ([dependency("a", skip_reason="?"), dependency("b", "X")], ""), "osv": ([], "none")}, 1, "b 1.0"),
    ],
)
def test_what_nobody_was_asked_about_has_not_passed(
    answers: dict[str, Any], code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = script("audit", monkeypatch)
    monkeypatch.setattr(audit, "asked", lambda service, python: answers[service])
    monkeypatch.setattr(audit.venv, "create", lambda *_, **__: None)
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: type("Done", (), {"returncode": 0}))
    assert audit.main() == code
    assert said in capsys.readouterr().out


def test_a_wheel_holds_the_package_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    release = script("release", monkeypatch)
    info = [f"mlflow_evalplus-1.dist-info/{name}" for name in ("METADATA", "RECORD", "entry_points.txt")]
    whole = [*release.expected(), *info, "mlflow_evalplus-1.dist-info/licenses/LICENSE"]
    assert release.check_wheel(whole) == []
    spoilt = [name for name in whole if name != "mlflow_evalplus/py.typed"] + ["tests/test_x.py"]
    assert release.check_wheel(spoilt) == [
        "lacks mlflow_evalplus/py.typed", "holds tests/test_x.py, which is no file of the package",
    ]  # fmt: skip
    packed = [f"p-1/{name}" for name in (*release.expected(), "pyproject.toml", "README.md", "LICENSE")]
    assert release.check_sdist(packed) == []
    assert release.check_sdist([*packed, "p-1/data/customers.csv"]) == ["holds data/customers.csv"]
