"""Training of `classify` and `tag` over sequences of numbers and over sound."""
