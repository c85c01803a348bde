"""Commands without the three seconds that importing MLflow takes: forked from a process that has it imported.

`python -m tests.documentation.forking SOCKET` serves; what is written by `programs` asks it. A command has arguments,
environment, folder and streams of its own, and runs the same function that the installed program runs.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from importlib import import_module
from pathlib import Path

MAINS = {"mlflow-evalplus": ("mlflow_evalplus.cli", "main"), "mlflow": ("mlflow.cli", "cli")}
IMPORTED = (
    "matplotlib.pyplot", "mlflow.cli", "mlflow.pyfunc", "mlflow.sklearn", "mlflow.genai", "pandas", "pyarrow.parquet",
    "sklearn.linear_model", "mlflow_evalplus.cli", "mlflow_evalplus.tracking.writer", "mlflow_evalplus.core.evaluation",
)  # fmt: skip
CLIENT = """#!{python} -ESs
import json, os, socket, sys
asked = {{"program": {program!r}, "words": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(8)))
"""


def programs(folder: Path, address: Path) -> None:
    """Write a program into the folder for each of `MAINS`."""
    folder.mkdir()
    for program in MAINS:
        file = folder / program
        file.write_text(CLIENT.format(python=sys.executable, program=program, address=str(address)))
        file.chmod(0o700)


def serve(address: str) -> None:
    """Import, then fork for every call until it is killed."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # as `main` does before MLflow is imported
    for module in IMPORTED:
        import_module(module)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        while True:
            caller = server.accept()[0]
            if not os.fork():
                if not os.fork():  # nobody has to wait for a grandchild
                    answer(caller)
                os._exit(0)
            os.wait()
            caller.close()


def answer(caller: socket.socket) -> None:
    """Be the program that the caller asks for, to the end."""
    said, streams, _, _ = socket.recv_fds(caller, 65536, 3)
    while part := caller.recv(65536):
        said += part
    asked = json.loads(said)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = [asked["program"], *asked["words"]]
    caller.sendall(str(_run(*MAINS[asked["program"]])).encode())
    caller.close()
    os._exit(0)


def _run(module: str, function: str) -> int:
    code = 0
    try:
        getattr(import_module(module), function)()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
