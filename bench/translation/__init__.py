"""Translators on public data: scores by recipe, speed of training beside torch.nn, speed of decoding, quality over delay."""
