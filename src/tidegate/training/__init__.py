"""The main path: a recipe and files in, a model directory out. Begin with `run.train`."""
