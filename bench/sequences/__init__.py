"""Figures of classifiers of number sequences and sound, and of transcribers of connected speech."""
