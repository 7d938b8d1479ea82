"""What a trained network did with one input: its gates at every step, what its answer hangs on, how long the past is kept."""
