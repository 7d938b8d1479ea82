"""The task `tag` in training: recipe, corpus, scores, and `Tagger`."""
