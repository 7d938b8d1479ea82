"""Commands that load PyTorch, run by forks of one process that has loaded it: four seconds of imports once and not once a command.

A fork runs `tidegate.cli.main.main()` as `python -m tidegate` does, with the three streams, the directory and the environment of whoever
asks, who gets its exit code. What it cannot show is what a command imports and how long that takes; each command has a test that starts
it afresh for that. `can_run` says no where the system has no descriptors of processes: all but Linux.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# What training imports inside functions, of others' packages.
LATE = (
    "matplotlib.figure",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.multiclass",
    "sklearn.svm",
    "statsforecast.models",
)
LOADS_TORCH = ("train", "compare", "demo")


def can_run(arguments: Sequence[str]) -> bool:
    """Whether such a command gains by it: one that loads PyTorch."""
    return hasattr(os, "pidfd_open") and arguments[:1] in ([name] for name in LOADS_TORCH) and not {"--help", "--version"} & {*arguments}


def run(
    arguments: Sequence[str], *, cwd: Path | None, env: Mapping[str, str], timeout: float, **more: Any
) -> subprocess.CompletedProcess[Any]:
    """What `python -m tidegate ARGUMENTS` prints and returns, with nothing on standard input. `more` is for `run_command`."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link,
        open(os.devnull, "rb") as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        link.settimeout(timeout)
        link.connect(address())
        request = {"arguments": list(arguments), "cwd": str(cwd or Path.cwd()), "env": dict(env), **more}
        socket.send_fds(link, [json.dumps(request).encode()], [given.fileno(), out.fileno(), err.fileno()])
        answer = link.recv(64)
        assert answer, "the process that runs warm commands has ended"
        printed = []
        for stream in (out, err):
            stream.seek(0)
            printed.append(stream.read().decode("utf-8"))
    return subprocess.CompletedProcess(["tidegate", *arguments], int(answer), *printed)


@cache
def _server() -> tuple[Path, subprocess.Popen[bytes]]:
    """The folder of its socket, and the process that has loaded everything."""
    folder = Path(tempfile.mkdtemp(prefix="tidegate-"))
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        command = [sys.executable, __file__, str(listener.fileno())]
        # It lives as long as the other end of its standard input does, which is as long as this process.
        return folder, subprocess.Popen(
            command, pass_fds=[listener.fileno()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={**os.environ, **one_thread}
        )


def address() -> str:
    """The socket of the process that has loaded everything, which is started here."""
    return str(_server()[0] / "socket")


_CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
    link.connect({address!r})
    request = {{"arguments": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ), **{more!r}}}
    socket.send_fds(link, [json.dumps(request).encode()], [0, 1, 2])
    code = int(link.recv(64) or b"1")
sys.exit(code if code >= 0 else 128 - code)
"""


def write_client(path: Path, **more: Any) -> None:
    """Writes a program that asks for a warm command with its arguments; `more` is for `run_command`."""
    path.write_text(_CLIENT.format(python=sys.executable, address=address(), more=more), encoding="utf-8")
    path.chmod(0o755)


def close() -> None:
    """Ends that process, where there is one."""
    if _server.cache_info().currsize:
        folder, process = _server()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=300)
        shutil.rmtree(folder)
        _server.cache_clear()


@dataclass(frozen=True)
class Child:
    """A command that runs: its process, the descriptor of it, and who waits for its exit code."""

    process: int
    watched: int
    link: socket.socket


def serve(listener: socket.socket) -> None:
    """Runs commands side by side, each in a fork, until standard input ends."""
    import tidegate

    for module in (*LATE, *(found.name for found in pkgutil.walk_packages(tidegate.__path__, "tidegate."))):
        if not module.endswith(("__main__", "_engine")):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()  # no fork writes into what all of them share
    running: list[Child] = []
    while True:
        ready, _, _ = select.select([listener, 0, *(child.watched for child in running), *(child.link for child in running)], [], [])
        if 0 in ready:
            return
        for child in [child for child in running if child.watched in ready]:
            _, status = os.waitpid(child.process, 0)
            with suppress(OSError):  # nobody waits for the answer any more
                child.link.send(str(os.waitstatus_to_exitcode(status)).encode())
            running.remove(child)
            child.link.close()
            os.close(child.watched)
        for child in [child for child in running if child.link in ready]:  # whoever asked has gone
            os.kill(child.process, signal.SIGKILL)
        if listener in ready:
            link, _ = listener.accept()
            request, streams, _, _ = socket.recv_fds(link, 1 << 20, 3)
            process = os.fork()
            if process == 0:
                run_command(json.loads(request), streams)
            running.append(Child(process, os.pidfd_open(process), link))
            for stream in streams:
                os.close(stream)


def run_command(request: dict[str, Any], streams: Sequence[int]) -> None:
    """The command, in this process and to its end; `script` is a file of Python to run instead, `quick` what trainings are set to."""
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
    os.closerange(3, 4096)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["tidegate", *request["arguments"]]
    code = 1
    try:
        if request.get("quick"):
            make_quick(request["quick"])
        if request.get("script"):
            runpy.run_path(request["script"], run_name="__main__")
        else:
            from tidegate.cli.main import main

            main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def make_quick(settings: Mapping[str, Any]) -> None:
    """Every preset of every task is the fast one with these settings, as far as the task has them."""
    from tidegate.training.recipe import Recipe

    schemas = [Recipe]
    for schema in schemas:
        schemas += schema.__subclasses__()
        own = {key: value for key, value in settings.items() if key in schema.model_fields}
        schema.PRESETS = {name: {**schema.PRESETS["fast"], **own} for name in schema.PRESETS}


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
