"""The task `generate` in training: recipe, corpus, scores, estimator."""
