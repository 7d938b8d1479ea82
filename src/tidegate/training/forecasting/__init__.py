"""Forecasting of time series in training."""
