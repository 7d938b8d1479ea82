"""Figures of forecasters."""
