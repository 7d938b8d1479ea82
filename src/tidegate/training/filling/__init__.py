"""Filling the holes of time series in training."""
