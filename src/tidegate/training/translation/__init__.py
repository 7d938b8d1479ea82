"""The task `translate` in training: recipe, corpus, baseline."""
