"""The task `classify` in training: recipe, corpus, scores, and `Classifier`."""
