"""How many steps of series a second forecasters train, beside NeuralForecast's GRU and LSTM of equal size.

Both read the same series, windows of the same context and horizon, as many in a batch, on the same threads, with the same hidden size
and one recurrent layer; a step is a loss, its gradients, clipping where the side clips, and the optimiser's. NeuralForecast runs in a
Python of its own, since its dependencies are not ours; the sides take turns, medians over rounds. Each side is timed from the inside,
between training steps, so that start-up and the making of data sets count for neither.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from .quality import heading

SERIES, LENGTH, CONTEXT, HORIZON, WINDOWS, HIDDEN = 8, 5_000, 168, 24, 128, 128
_CELLS = {"gru-reset-after": "GRU", "lstm": "LSTM"}


def print_speed(python: str, rounds: int, steps: int, threads: int) -> None:
    """`python`: one that has neuralforecast installed."""
    print(f"windows of {CONTEXT} + {HORIZON} steps, {WINDOWS} a batch, H {HIDDEN}, one layer\n")
    print(heading("cell; tidegate, a step at once; tidegate, 24 at once; NeuralForecast; ratio; ratio of 24 at once"))
    for arch, peer in _CELLS.items():
        rates: dict[str, list[float]] = {"1": [], "24": [], "peer": []}
        for _ in range(rounds):
            for segment in ("1", "24"):
                rates[segment].append(own_rate(arch, int(segment), steps))
            rates["peer"].append(peer_rate(python, peer, steps, threads))
        ratios = [statistics.median(a / b for a, b in zip(rates[side], rates["peer"], strict=True)) for side in ("1", "24")]
        cells = [arch, *(f"{statistics.median(values):,.0f}" for values in rates.values()), *(f"{ratio:.2f}" for ratio in ratios)]
        print("| " + " | ".join(cells) + " |", flush=True)


def series() -> np.ndarray[Any, np.dtype[np.float64]]:
    """[SERIES, LENGTH]: days with noise."""
    drawn = np.random.default_rng(1)
    hours = np.arange(LENGTH)
    return np.stack([np.sin(2 * np.pi * hours / 24 + place) + 0.1 * drawn.standard_normal(LENGTH) for place in range(SERIES)])


def own_rate(arch: str, segment: int, steps: int) -> float:
    """Steps of series that training reads and tells a second."""
    import pandas as pd
    import torch

    from tidegate.data.series import panel_of_frame
    from tidegate.training.forecasting.corpus import corpus_of
    from tidegate.training.forecasting.recipe import ForecastRecipe
    from tidegate.training.forecasting.task import ForecastTask

    frame = pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{place}" for place in range(SERIES)], LENGTH),
            "ds": np.tile(pd.date_range("2020-01-01", periods=LENGTH, freq="h"), SERIES),
            "y": series().ravel(),
        }
    )
    settings: dict[str, Any] = {"arch": arch, "context": CONTEXT, "horizon": HORIZON, "segment": segment, "hidden_size": HIDDEN}
    if segment == 1:
        settings["embedding_size"] = 16  # NeuralForecast's layer reads the bare value; a wide projection would be another network
    recipe = ForecastRecipe(**settings, batch_windows=WINDOWS, calendar=False, series_vectors="no", dropout=0.0)
    task = ForecastTask(recipe, corpus_of(panel_of_frame(frame, **recipe.reading(), task="forecast"), recipe))
    network = task.build_network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    begun = 0.0
    for number, batch in enumerate(task.batches(0)):
        if number == 3:
            begun = time.perf_counter()
        if number == 3 + steps:
            break
        optimizer.zero_grad()
        network.loss(batch).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
    return steps * WINDOWS * (CONTEXT + HORIZON) / (time.perf_counter() - begun)


def peer_rate(python: str, cell: str, steps: int, threads: int) -> float:
    asked = {
        "cell": cell,
        "steps": steps,
        "threads": threads,
        "context": CONTEXT,
        "horizon": HORIZON,
        "windows": WINDOWS,
        "hidden": HIDDEN,
        "series": series().tolist(),
    }
    peer = Path(__file__).with_name("peer.py")
    done = subprocess.run([python, str(peer)], input=json.dumps(asked), capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise SystemExit(f"NeuralForecast's side failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])
