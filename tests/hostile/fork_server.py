"""Starts commands as forks of a process that has imported everything, so that hundreds can be killed in minutes.

Each line of stdin is a request: a JSON object with ``arguments``, ``directory``, ``out`` and ``err`` (files),
``variables`` (of the environment), and ``signal`` and ``change`` or nulls. The child runs the entry point of the
command ``finecl`` and dies as a process of its own. With ``change``, it sends itself the signal at that change of the
file system, counted from 1: files opened for writing, renames, removals and new directories. The server prints
{"pid"} when the child has begun, and {"code", "changes"} when it has ended; ``changes`` is null if it was killed.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
_ALSO = ("transformers.models.bert.modeling_bert", "transformers.models.bert.tokenization_bert", "tensorboard.data")


def serve() -> None:
    """Reads requests until stdin ends."""
    _import_all()
    gc.freeze()  # or collections in children would copy its memory
    _print({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _run(request, writer)
        os.close(writer)
        _print({"pid": child})
        _, status = os.waitpid(child, 0)
        with os.fdopen(reader) as stream:
            counted = stream.read()
        _print({"code": os.waitstatus_to_exitcode(status), "changes": int(counted) if counted else None})


def _print(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


def _run(request: dict[str, Any], writer: int) -> NoReturn:
    os.chdir(request["directory"])
    for number, name in ((1, "out"), (2, "err")):
        stream = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(stream, number)
        os.close(stream)
    os.environ.update(request["variables"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    changes = _Changes(request["signal"], request["change"])
    sys.addaudithook(changes)
    sys.argv = ["finecl", *request["arguments"]]
    from finecl_cli.start import main

    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    os.write(writer, str(changes.seen).encode())
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)  # to take all modules down takes a second


class _Changes:
    """Counts changes of the file system, and sends the signal at one of them."""

    def __init__(self, number: int | None, at: int | None) -> None:
        self._signal, self._at = number, at
        self.seen = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event not in _CHANGES:
            return
        self.seen += 1
        if self.seen == self._at and self._signal:
            os.kill(os.getpid(), self._signal)


def _import_all() -> None:
    """Imports all modules of finecl, its plugins and its command line, and what they import in functions."""
    import finecl_benchmarks
    import finecl_cli
    import finecl_formats

    import finecl

    names = [*_ALSO, "datasets", "matplotlib.figure", "matplotlib.backends.backend_pdf", "sklearn.neighbors"]
    names += ["onnx", "onnxscript", "torch.onnx", "pyarrow.parquet", "rich.table", "jinja2"]  # none that starts threads
    for package in (finecl, finecl_cli, finecl_formats, finecl_benchmarks):
        names += [module.name for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    for entry in Path(finecl_formats.__file__).parents[1].glob("finecl_*/__init__.py"):
        names.append(entry.parent.name)
    for name in names:
        if not name.endswith("__main__"):
            try:
                importlib.import_module(name)
            except ImportError:  # an extra that is not installed
                continue


if __name__ == "__main__":
    serve()
