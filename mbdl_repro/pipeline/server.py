"""A process that has everything imported, and does the jobs of a run in copies of itself.

To start Python and to import torch takes a job longer than most of the work at small scale. So a
run starts one process that imports all, once; a job's own process (see ``__main__``) only hands
its words and its output over to it, waits, and ends as the copy that did the work ended.

Whoever dies takes along what it started: the server ends with the run, whose pipe it reads; a copy
ends with the server, and with the job's process, whose connection it holds.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import io
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from mbdl_repro.errors import UserError
from mbdl_repro.pipeline.client import ADDRESS, NOT_DONE, ONE_THREAD
from mbdl_repro.store.normal_form import imported

PACKAGE = Path(__file__).parents[1]


class Server:
    """The server of a run, as the run holds it; it ends when this process does.

    Args:
        scale: of the run, by its name.
        experiments: names of those that it is for.
    """

    def __init__(self, scale: str, experiments: Iterable[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mbdl-")
        address = str(Path(self._folder.name, "jobs"))
        # It is there before the first job asks for it, which waits until all is imported.
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
        listener.listen(64)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(listener.fileno()), scale, ",".join(experiments)],
            stdin=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is told to the run, which ends it
        )
        listener.close()
        os.environ[ADDRESS] = address

    def close(self) -> None:
        """End it, and all that it does."""
        os.environ.pop(ADDRESS, None)
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


# The server itself ------------------------------------------------------------------------------


def serve(number: str, scale: str, experiments: str) -> None:
    """Import everything; then do jobs, each in a copy of this process, until the run ends.

    Args:
        number: of the file that is the socket to listen to.
        scale: of the run, by its name.
        experiments: names of those that it is for, separated by commas.
    """
    with socket.socket(fileno=int(number)) as listener:
        folder = Path(listener.getsockname()).parent
        try:
            sources = _sources()
            _get_ready(scale, experiments)
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies
            gc.collect()
            gc.freeze()
            _listen(listener, sources)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _listen(listener: socket.socket, sources: object) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in selector.select()):
            connection = listener.accept()[0]
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _do(connection, sources)


def _get_ready(scale: str, experiments: str) -> None:
    """Import what jobs use, and find out once what each of them would have to find out by itself.

    What cannot be read or imported is left to the job that needs it, and tells.
    """
    from mbdl_repro.experiments.reading import load_scale
    from mbdl_repro.figures import panel_kinds
    from mbdl_repro.pipeline import job
    from mbdl_repro.pipeline.plan import Plan
    from mbdl_repro.pipeline.verbs import VERBS

    modules = [verb.module for verb in VERBS.values()]
    # Optimizers import the last one when the first of them is built, which takes long.
    _import([*modules, "torch._dynamo"])
    import torch

    torch.set_num_threads(1)
    panel_kinds()
    _draw_something()
    job.commit()
    job.versions()
    with contextlib.suppress(UserError):
        plan = Plan(load_scale(scale), experiments)
        for area in {experiment.area for experiment in plan.experiments.values()}:
            _import(_modules_of(area))
        for task in plan.tasks:
            VERBS[task.verb].code(plan.experiments, task)


def _import(modules: Iterable[str]) -> None:
    for module in dict.fromkeys(modules):
        with contextlib.suppress(Exception):
            importlib.import_module(module)


def _modules_of(area: str) -> list[str]:
    """Return an area's modules, and those of others that its functions import when called."""
    from mbdl_repro import catalogue

    infos = (catalogue.methods, catalogue.metrics, catalogue.bounds)
    modules = [info.module for of in infos for info in of(area).values()]
    for path in sorted((PACKAGE / "areas" / area).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        inner = [node for function in functions for node in ast.walk(function)]
        for node in (n for n in inner if isinstance(n, ast.Import | ast.ImportFrom)):
            for module, name in dict(imported(node)).values():
                modules += [module, f"{module}.{name}"]  # a name may be a module, too
    return modules


def _draw_something() -> None:
    """Let matplotlib load its fonts, its backend and its parser of formulas."""
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(1, 1))
    figure.text(0, 0, "$x_1$")
    figure.savefig(io.BytesIO())
    plt.close(figure)


def _sources() -> object:
    """Return what changes when a source file of this package does."""
    files = ((path, path.stat()) for path in sorted(PACKAGE.rglob("*.py")))
    return [(str(path), stat.st_mtime_ns, stat.st_size) for path, stat in files]


def _do(connection: socket.socket, sources: object) -> None:
    """Do one job in a copy of the server, and tell the job's process how it ended."""
    from mbdl_repro.pipeline import job

    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        message, outputs, _, _ = socket.recv_fds(connection, 1 << 16, 2)
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
            os.close(output)
        os.environ["MBDL_RUN_PID"] = str(os.getppid())
        if _sources() != sources:
            _answer(connection, None)  # edited since they were imported: do it yourself
            os._exit(0)
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        job.run(message.decode().split("\0"))
        code = 0
    except SystemExit as error:
        code = _exit_code(error)
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    _answer(connection, code)
    os._exit(code)


def _exit_code(error: SystemExit) -> int:
    """Return the status of a process that ends so, having printed what it would print."""
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1


def _answer(connection: socket.socket, code: int | None) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(NOT_DONE if code is None else str(code).encode())


def _end_with(connection: socket.socket) -> None:
    """End this process when the one at the other end does, which says nothing more."""
    connection.recv(1)
    os._exit(1)


if __name__ == "__main__":
    serve(*sys.argv[1:])
