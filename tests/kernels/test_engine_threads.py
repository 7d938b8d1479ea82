"""The compiled engine on several threads: the same bits on any number of them, from several Python threads, after a fork, on either pool."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.conftest import Case, assert_same_bits, every_cell, run_python
from tidegate.kernels.engine import Gradients, Layer, Output

# Lengths, I, H, directions: what csrc/layer.cpp's plan_for makes of each for two threads or more, by the work it must see first.
PLANS: dict[str, tuple[tuple[int, ...], int, int, int]] = {
    "too little work for a second thread": ((2, 1), 3, 5, 2),
    "a thread for each direction": ((40,), 16, 32, 2),
    "sequences dealt out": ((9, 3, 7, 7, 0, 12, 1), 24, 72, 1),
    "sequences dealt out in both directions": ((9, 3, 7, 7, 0, 12, 1), 24, 72, 2),
    "many sequences": ((4,) * 37, 8, 40, 1),
    "one sequence, units dealt out": ((7,), 8, 320, 1),
    "one sequence, units dealt out in both directions": ((5,), 8, 320, 2),
    "few sequences and heavy weights, units dealt out": ((4, 1, 3), 8, 528, 1),
    "units that fill no last vector": ((6,), 8, 331, 1),
}
every_plan = pytest.mark.parametrize("plan", list(PLANS))


def planned(cell: str, plan: str, dtype: Any = np.float32, **options: Any) -> Case:
    lengths, input_size, hidden, directions = PLANS[plan]
    return Case.draw(cell, lengths, input_size, hidden, directions=directions, dtype=dtype, **options)


@every_plan
@every_cell
def test_any_number_of_threads_gives_the_same_bits(cell: str, plan: str) -> None:
    case = planned(cell, plan)
    layer = case.layer(trains=True, threads=1)
    out, gradients = case.forward(layer, threads=1), case.backward(layer, threads=1)
    assert np.abs(out.y).max() > 1e-2
    for threads in (2, 3, 4):
        assert_same_bits(case.forward(layer, threads=threads), out, f"on {threads} threads")
        assert_same_bits(
            case.forward(layer, keep=True, threads=threads), case.forward(layer, keep=True, threads=1), f"on {threads} threads, kept"
        )
        assert_same_bits(case.backward(layer, threads=threads), gradients, f"on {threads} threads")


@pytest.mark.parametrize(
    "plan", ["sequences dealt out in both directions", "one sequence, units dealt out", "units that fill no last vector"]
)
@every_cell
def test_any_number_of_threads_gives_the_same_bits_in_float64(cell: str, plan: str) -> None:
    case = planned(cell, plan, np.float64)
    layer = case.layer(trains=True)
    out, gradients = case.forward(layer, threads=1), case.backward(layer, threads=1)
    for threads in (2, 3):
        assert_same_bits(case.forward(layer, threads=threads), out, f"on {threads} threads")
        assert_same_bits(case.backward(layer, threads=threads), gradients, f"on {threads} threads")


@every_plan
@every_cell
def test_any_number_of_threads_gives_the_same_bits_for_inputs_read_by_place(cell: str, plan: str) -> None:
    case = planned(cell, plan)
    places = np.random.default_rng(1).integers(0, len(case.x), len(case.x))
    layer = case.layer()
    expected = case.forward(layer, places=places, threads=1)
    for threads in (2, 3, 4):
        assert_same_bits(case.forward(layer, places=places, threads=threads), expected, f"on {threads} threads")


@pytest.mark.parametrize(
    "plan", ["a thread for each direction", "one sequence, units dealt out", "one sequence, units dealt out in both directions"]
)
@every_cell
def test_tapes_kept_on_one_number_of_threads_serve_another(cell: str, plan: str) -> None:
    case = planned(cell, plan)
    layer = case.layer(trains=True)
    tapes = [case.forward(layer, keep=True, threads=threads).tape for threads in (1, 2, 3)]
    expected = case.backward(layer, threads=1)
    for tape, threads in zip(tapes, (3, 1, 2), strict=True):
        assert_same_bits(layer.backward(tape, case.x, case.dy, case.dhn, case.dcn, needs_dh0=True, threads=threads), expected)
        assert tape is not None
        assert tape.gates(case.directions - 1).tobytes() == tapes[0].gates(case.directions - 1).tobytes()  # type: ignore[union-attr]


@every_cell
def test_a_layer_packed_on_several_threads_is_the_same(cell: str) -> None:
    case = planned(cell, "one sequence, units dealt out in both directions")
    expected = case.backward(case.layer(trains=True, threads=1), threads=1)
    for threads in (2, 4):
        assert_same_bits(case.backward(case.layer(trains=True, threads=threads), threads=1), expected)


@pytest.mark.parametrize("plan", ["sequences dealt out", "one sequence, units dealt out"])
def test_more_threads_than_processors_give_the_same_bits(plan: str) -> None:
    case = planned("lstm", plan)
    layer = case.layer(trains=True)
    assert_same_bits(case.backward(layer, threads=19), case.backward(layer, threads=1))


# Several Python threads


def answers_of(cases: list[Case], layers: list[Layer], threads: int) -> list[tuple[Output, Gradients]]:
    return [
        (case.forward(layer, threads=threads), case.backward(layer, threads=threads)) for case, layer in zip(cases, layers, strict=True)
    ]


@pytest.mark.parametrize("threads", [1, 2])
@every_cell
def test_python_threads_share_a_layer_and_each_gets_its_own_answers(cell: str, threads: int) -> None:
    cases = [Case.draw(cell, lengths, 24, 72, directions=2, dtype=np.float32) for lengths in ((9, 3, 7, 12), (20,), (4,) * 9, (15, 1, 15))]
    cases = [Case(cell, cases[0].weights, case.x, case.offsets, case.dy, case.dhn, case.dcn, case.h0, case.c0) for case in cases]
    layer = cases[0].layer(trains=True)
    expected = answers_of(cases, [layer] * len(cases), 1)
    ready = threading.Barrier(len(cases))

    def run(number: int) -> None:
        ready.wait(timeout=300)
        for _ in range(6):
            [(out, gradients)] = answers_of([cases[number]], [layer], threads)
            assert_same_bits(out, expected[number][0])
            assert_same_bits(gradients, expected[number][1])

    with ThreadPoolExecutor(len(cases)) as pool:
        for future in [pool.submit(run, number) for number in range(len(cases))]:
            future.result(timeout=300)


def test_python_threads_share_a_tape() -> None:
    case = planned("lstm", "sequences dealt out in both directions")
    layer = case.layer(trains=True)
    tape, expected = case.forward(layer, keep=True).tape, case.backward(layer, threads=1)

    def run(_: int) -> None:
        for _ in range(5):
            assert_same_bits(layer.backward(tape, case.x, case.dy, case.dhn, case.dcn, needs_dh0=True, threads=2), expected)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(run, number) for number in range(3)]:
            future.result(timeout=300)


@every_cell
def test_python_threads_step_with_a_layer_each_on_its_own(cell: str) -> None:
    case = Case.draw(cell, (1,) * 3, 8, 40)
    layer, expected = case.layer(), case.forward().hn[0]
    assert case.h0 is not None
    x, h, c = case.x, case.h0[0], [] if case.c0 is None else [case.c0[0]]

    def run(_: int) -> None:
        for _ in range(200):
            result = layer.step(x, h, *c)
            assert (result[0] if cell == "lstm" else result).tobytes() == expected.tobytes()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(run, number) for number in range(3)]:
            future.result(timeout=300)


# Hidden widths, one that fills no last vector: with so many weights a step is for three threads, and for two, where its cell has enough.
@pytest.mark.parametrize("hidden", [331, 528, 720])
@every_cell
def test_a_step_shared_by_threads_gives_the_same_bits(cell: str, hidden: int) -> None:
    for sequences in (1, 3, 40):  # 40 rows are not shared
        case = Case.draw(cell, (1,) * sequences, 8, hidden, dtype=np.float32)
        layer, expected = case.layer(), case.forward(threads=1).hn[0]
        assert case.h0 is not None
        c = [] if case.c0 is None else [case.c0[0]]
        for threads in (None, 1, 2, 3, 4):
            for _ in range(3):
                result = layer.step(case.x, case.h0[0], *c, threads=threads)
                assert (result[0] if cell == "lstm" else result).tobytes() == expected.tobytes(), (sequences, threads)


def ticks_during(call: Any) -> tuple[int, float]:
    """How often another Python thread woke up while a call ran, and the call's seconds."""
    ticks, stop, started = [0], threading.Event(), threading.Event()

    def count() -> None:
        while not stop.is_set():
            ticks[0] += 1
            started.set()
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    try:
        assert started.wait(timeout=300)
        before, begin = ticks[0], time.perf_counter()
        call()
        return ticks[0] - before, time.perf_counter() - begin
    finally:
        stop.set()
        counter.join()


@pytest.mark.parametrize("what", ["Layer", "forward", "backward", "step"])
def test_other_python_threads_run_while_the_engine_computes(what: str) -> None:
    hidden, batch = (2000, 2) if what == "Layer" else (512, 4) if what != "step" else (1200, 150)
    case = Case.draw("lstm", (1,) * batch if what == "step" else (150,) * batch, 16, hidden, dtype=np.float32)
    layer = case.layer(trains=True)
    assert case.h0 is not None
    assert case.c0 is not None
    h, c, tape = case.h0[0], case.c0[0], case.forward(layer, keep=True).tape if what == "backward" else None
    calls: dict[str, Any] = {
        "Layer": lambda: case.layer(trains=True, threads=1),
        "forward": lambda: case.forward(layer, threads=1),
        "backward": lambda: layer.backward(tape, case.x, case.dy, threads=1),
        "step": lambda: layer.step(case.x, h, c),
    }
    best = 0.0
    for _ in range(40):  # a busy machine may let the other thread sleep through many of them
        ticks, seconds = ticks_during(calls[what])
        assert seconds > 0.004, "too short to tell"
        # Held, the lock would let the counter run once at most, on either side of the call.
        best = max(best, ticks)
        if best >= 3:
            return
    pytest.fail(f"{what} let another thread run {best:.0f} times only")


# Processes of their own: without torch, after a fork, and the caller's arithmetic

# Cases come in as .npz; `answers` gives the bytes of all that comes out.
ANSWERS = """
import sys
import numpy as np
from tidegate.kernels import engine
from tidegate.kernels.engine import _engine

given = dict(np.load(sys.argv[1]))  # read now: a file shared with a child is no good
weights = [tuple(given[f"w{d}{i}"] for i in range(4)) for d in range(2)]
layer = engine.Layer("lstm", weights, trains=True)

def answers(threads):
    out = layer.forward(given["x"], given["offsets"], given["h0"], given["c0"], keep=True, threads=threads)
    gradients = layer.backward(out.tape, given["x"], given["dy"], given["dhn"], given["dcn"], needs_dh0=True, threads=threads)
    parts = [out.y, out.hn, out.cn, gradients.dx, gradients.dh0, gradients.dc0, *(w for d in gradients.weights for w in d)]
    return b"".join(part.tobytes() for part in parts)
"""


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, bytes]:
    """A case as a file, and the bytes of its answers here."""
    case = planned("lstm", "sequences dealt out in both directions")
    arrays = {name: getattr(case, name) for name in ("x", "offsets", "dy", "dhn", "dcn", "h0", "c0")}
    np.savez(tmp_path / "case.npz", **arrays, **{f"w{d}{i}": part for d, parts in enumerate(case.weights) for i, part in enumerate(parts)})
    out, gradients = case.forward(threads=1), case.backward(threads=1)
    parts = [out.y, out.hn, out.cn, gradients.dx, gradients.dh0, gradients.dc0, *(part for d in gradients.weights for part in d)]
    return tmp_path / "case.npz", b"".join(part.tobytes() for part in parts)  # type: ignore[union-attr]


def answers_in_a_process(saved: tuple[Path, bytes], code: str, tmp_path: Path, **options: Any) -> list[str]:
    """Runs code that writes its bytes to sys.argv[2]; gives the lines it printed."""
    done = run_python(code, saved[0], tmp_path / "answers", **options)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "answers").read_bytes() == saved[1]
    return done.stdout.split()


def test_without_torch_the_engine_runs_on_a_pool_of_its_own_with_the_same_bits(saved: tuple[Path, bytes], tmp_path: Path) -> None:
    code = f"""{ANSWERS}
assert "torch" not in sys.modules
first = answers(1)
assert all(answers(threads) == first for threads in (2, 3, 2, 4, 1))
open(sys.argv[2], "wb").write(first)
print(_engine.parallel_runtime())
"""
    assert answers_in_a_process(saved, code, tmp_path) == ["pool"]


@pytest.mark.slow  # imports torch in a process of its own
def test_with_torch_the_engine_runs_on_its_openmp_also_where_torch_comes_later(saved: tuple[Path, bytes], tmp_path: Path) -> None:
    code = f"""{ANSWERS}
print(_engine.parallel_runtime())
before = answers(2)
import torch
print(_engine.parallel_runtime())
assert answers(2) == before
torch.ones(300, 300) @ torch.ones(300, 300)
assert answers(3) == before
open(sys.argv[2], "wb").write(before)
"""
    assert answers_in_a_process(saved, code, tmp_path) == ["pool", "openmp"]


# The child is watched: one that waits for threads that it does not have is killed, and the test fails.
FORK = """
import os, signal, time

def in_a_child(work):
    child = os.fork()
    if child == 0:
        code = 9
        try:
            code = work()
        finally:
            os._exit(code)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "deadlock"
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@needs_fork
@pytest.mark.parametrize(
    "with_torch", [pytest.param(True, marks=pytest.mark.slow), False], ids=["after torch used its threads", "without torch"]
)
def test_a_forked_child_computes_on_several_threads(saved: tuple[Path, bytes], tmp_path: Path, with_torch: bool) -> None:
    torch_first = "import torch\ntorch.set_num_threads(2)\ntorch.ones(500, 500) @ torch.ones(500, 500)\n" if with_torch else ""
    code = f"""{torch_first}{ANSWERS}{FORK}
expected = answers(2)
assert expected == answers(1)
print(in_a_child(lambda: 0 if answers(2) == answers(3) == expected and _engine.parallel_runtime() == "pool" else 1))
# A child's child, and a second child of the same parent.
print(in_a_child(lambda: 0 if answers(2) == expected and in_a_child(lambda: 0 if answers(2) == expected else 1) == 0 else 1))
assert answers(2) == expected
print(_engine.parallel_runtime())
open(sys.argv[2], "wb").write(expected)
"""
    assert answers_in_a_process(saved, code, tmp_path, timeout_s=600) == ["0", "0", "openmp" if with_torch else "pool"]


@needs_fork
@pytest.mark.parametrize("with_torch", [pytest.param(True, marks=pytest.mark.slow), False], ids=["with torch", "without torch"])
def test_a_fork_in_the_middle_of_another_thread_s_call_leaves_the_child_able(
    saved: tuple[Path, bytes], tmp_path: Path, with_torch: bool
) -> None:
    code = f"""{"import torch" if with_torch else ""}
{ANSWERS}{FORK}
import threading
expected, stop = answers(2), threading.Event()

def busy():
    while not stop.is_set():
        answers(2)

threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
results = [0]
while len(results) < 16 and results[-1] == 0:
    results.append(in_a_child(lambda: 0 if answers(2) == expected else 1))
stop.set()
for thread in threads:
    thread.join()
print(set(results))
open(sys.argv[2], "wb").write(answers(2))
"""
    assert answers_in_a_process(saved, code, tmp_path, timeout_s=600) == ["{0}"]


@pytest.mark.slow  # as above
def test_the_caller_s_denormal_numbers_stay_what_they_are(saved: tuple[Path, bytes], tmp_path: Path) -> None:
    code = f"""import torch
torch.set_num_threads(2)
{ANSWERS}
small = torch.full((1 << 17,), 1e-40)  # enough for torch to divide it among its threads

def are_kept():
    single = np.full(3, 1e-40, dtype=np.float32) * np.float32(0.5)
    double = np.full(3, 1e-310) * 0.5
    return bool((single > 0).all() and (double > 0).all() and 5e-324 > 0 and (small * 0.5 > 0).all())

assert are_kept(), "denormals are flushed already before"
found = []
for threads in (1, 2, 3):
    result = answers(threads)
    found.append(are_kept())
layer.__class__("lstm", weights, trains=True, threads=2)
single = engine.Layer("lstm", weights[:1])
single.step(given["x"], np.zeros((len(given["x"]), single.hidden_size), "f4"), np.zeros((len(given["x"]), single.hidden_size), "f4"))
found.append(are_kept())
print(all(found))
# A caller who wants them flushed keeps that too.
if torch.set_flush_denormal(True):
    answers(2)
    print(bool((np.full(3, 1e-40, dtype=np.float32) * np.float32(0.5) == 0).all()))
    torch.set_flush_denormal(False)
open(sys.argv[2], "wb").write(result)
"""
    lines = answers_in_a_process(saved, code, tmp_path)
    assert lines in (["True", "True"], ["True"])


@every_cell
def test_denormal_inputs_count_as_zeros_and_nothing_else_changes(cell: str) -> None:
    case = Case.draw(cell, (5, 3), 4, 21, dtype=np.float32, states=False)
    zeros = Case(cell, case.weights, np.zeros_like(case.x), case.offsets, case.dy, case.dhn, case.dcn)
    tiny = Case(cell, case.weights, np.full_like(case.x, 1e-41), case.offsets, case.dy, case.dhn, case.dcn)
    assert tiny.x.any()
    assert_same_bits(tiny.forward(), zeros.forward())
