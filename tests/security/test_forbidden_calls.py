"""What can run code that others wrote is not in the package, nor in the recipes; each exception has its reason."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from mlflow_evalplus.render import html
from tests.test_house import modules

BUILTINS = {"eval", "exec", "compile", "__import__"}
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "torch.load", "pd.read_pickle", "os.system",
    "os.popen", "tempfile.mktemp", "subprocess.getoutput", "subprocess.getstatusoutput", "mlflow.pyfunc.load_pyfunc",
}  # fmt: skip
SPREADSHEETS = {"to_csv", "writer", "DictWriter", "to_excel"}
ALLOWED = {
    ("mlflow_evalplus.core.collecting.queue_sheet", "csv.writer"): "each cell is shown(), see test_spreadsheets",
    ("mlflow_evalplus.core.adjudicating.open_sheet", "csv.writer"): "each cell is shown(), see test_spreadsheets",
    ("mlflow_evalplus.cli.labels", "shown.to_csv"): "each cell is guarded(), see test_spreadsheets",
    ("mlflow_evalplus.cli.adjudicate", "frame.to_csv"): "for machines: labels to train on are written as they are",
    ("mlflow_evalplus.core.training_data.export", "frame.to_csv"): "for machines: rows to train on, as they are",
    ("recipes.flywheel.turn", "test[columns].to_csv"): "for machines: read by the next step",
    ("recipes.flywheel.turn", "log[columns].to_csv"): "for machines: read by the next step",
    ("recipes.flywheel.year", "accepted.drop(columns=[OLD_WORDING, PHRASE]).to_csv"): "for machines, of shipped rows",
    ("recipes.flywheel.voters", "csv.DictWriter"): "fills in a queue's sheet, whose cells are shown() already",
}
# The one place where text becomes HTML unescaped: our own script and style, and texts through `visible`.
MARKUP = {"mlflow_evalplus.render.html", "mlflow_evalplus.render.charts"}


def found(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield what is forbidden in a module."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            given = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"import {one}" for one in given if one.split(".")[0] in PICKLES)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            last = called.rpartition(".")[2]
            if called in BUILTINS | CALLS or (last in SPREADSHEETS and (name, called) not in ALLOWED):
                yield called
            yield from _options(called, last, options)
            if called.endswith("Markup") and name not in MARKUP:
                yield called


def _options(called: str, last: str, options: dict[str | None, str]) -> Iterator[str]:
    if options.get("shell", "False") != "False":
        yield f"{called}(shell=…)"
    if options.get("trust_remote_code", "False") != "False":
        yield f"{called}(trust_remote_code=…)"
    loads_code = (last == "from_pretrained" and ".Auto" in f".{called}") or last == "pipeline"
    if loads_code and options.get("trust_remote_code") != "False":
        yield f"{called}() without trust_remote_code=False"
    if last == "load" and called.startswith(("np.", "numpy.")) and options.get("allow_pickle") != "False":
        yield f"{called}() without allow_pickle=False"
    if called.startswith("yaml.") and options.get("Loader", "yaml.SafeLoader") != "yaml.SafeLoader":
        yield f"{called}(Loader={options['Loader']})"
    if options.get("verify") == "False":
        yield f"{called}(verify=False)"


def test_nothing_forbidden_is_called() -> None:
    assert [(name, one) for name, tree in modules().items() for one in found(name, tree)] == []


def test_every_exception_is_still_needed() -> None:
    called = {
        (name, ast.unparse(node.func))
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert not set(ALLOWED) - called


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("eval(text)", "eval"), ("import joblib", "import joblib"), ("from pickle import loads", "import pickle"),
        ("yaml.load(text)", "yaml.load"),
        ("yaml.compose(text, Loader=yaml.Loader)", "yaml.compose(Loader=yaml.Loader)"),
        ("subprocess.run(text, shell=True)", "subprocess.run(shell=…)"), ("os.system(text)", "os.system"),
        ("torch.load(path, weights_only=False)", "torch.load"), ("frame.to_csv(path)", "frame.to_csv"),
        ("np.load(path)", "np.load() without allow_pickle=False"), ("Markup(text)", "Markup"),
        ("AutoModel.from_pretrained(name)", "AutoModel.from_pretrained() without trust_remote_code=False"),
        ("pipeline('x', trust_remote_code=asked)", "pipeline(trust_remote_code=…)"),
        ("requests.get(url, verify=False)", "requests.get(verify=False)"),
    ],
)  # fmt: skip
def test_each_is_found(line: str, what: str) -> None:
    assert what in set(found("mlflow_evalplus.planted", ast.parse(line)))


def test_no_template_shows_a_text_unescaped() -> None:
    for template in html.TEMPLATES.glob("*.j2"):
        text = template.read_text(encoding="utf-8")
        assert "safe" not in text.replace("unsafe-inline", "")
        assert "autoescape" not in text
    check: Callable[[str | None], bool] | bool = html._environment().autoescape
    assert check is True
