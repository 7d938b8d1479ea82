"""The torch half of each task: its network and its loss. The NumPy half is `tidegate.runtime`."""
