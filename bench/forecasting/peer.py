"""NeuralForecast's side of the contest, run by a Python that has it: settings as JSON on standard input, steps of series a second out."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from typing import Any, ClassVar


def main() -> None:
    asked: dict[str, Any] = json.load(sys.stdin)
    import os

    os.environ["OMP_NUM_THREADS"] = str(asked["threads"])
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    import numpy as np
    import pandas as pd
    import torch
    from neuralforecast import NeuralForecast, models
    from pytorch_lightning.callbacks import Callback

    torch.set_num_threads(asked["threads"])

    class Clock(Callback):
        """The time between the end of the third step and that of the last."""

        times: ClassVar[list[float]] = []  # of the class, since NeuralForecast copies its models

        def on_train_batch_end(self, *_: Any, **__: Any) -> None:
            self.times.append(time.perf_counter())

    steps = asked["steps"]
    values = np.array(asked["series"])
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat([f"s{place}" for place in range(len(values))], values.shape[1]),
            "ds": np.tile(pd.date_range("2020-01-01", periods=values.shape[1], freq="h"), len(values)),
            "y": values.ravel(),
        }
    )
    model = getattr(models, asked["cell"])(
        h=asked["horizon"],
        input_size=asked["context"],
        encoder_n_layers=1,
        encoder_hidden_size=asked["hidden"],
        encoder_dropout=0.0,
        decoder_hidden_size=asked["hidden"],
        decoder_layers=1,
        max_steps=steps + 3,
        batch_size=len(values),
        windows_batch_size=asked["windows"],
        scaler_type="robust",
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Clock()],
    )
    NeuralForecast(models=[model], freq="h").fit(frame)
    done = Clock.times[-1] - Clock.times[-1 - steps]
    print(steps * asked["windows"] * (asked["context"] + asked["horizon"]) / done)


if __name__ == "__main__":
    main()
