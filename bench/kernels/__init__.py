"""The engine beside its opponents, in one process and in turn. How to run it: `python -m bench.kernels --help`."""
