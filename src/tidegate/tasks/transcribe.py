"""The torch half of `transcribe`: units of a transcript from sound, with no word on when they are spoken. The NumPy half, with the same
answers, is `runtime.transcribe`.

steps -> linear -> relu -> dropout -> recurrent stack -> dropout -> linear -> CTC (Graves et al. 2006)
"""

from __future__ import annotations

import torch
from torch import Tensor

from tidegate.data.frames import FrameBatch
from tidegate.nn.ctc import ctc_loss
from tidegate.tasks.sequence import FrameNetwork


class TranscribeNetwork(FrameNetwork):
    """Logits [N, 1 + units] of steps; id 0 is the blank."""

    def loss(self, batch: FrameBatch) -> Tensor:
        """Nats per unit of the transcripts that fit their recordings."""
        assert batch.label_offsets is not None
        losses = ctc_loss(self(batch), batch.offsets, torch.from_numpy(batch.labels), batch.label_offsets)
        return losses.masked_fill(losses.isinf(), 0).sum() / max(1, len(batch.labels))
