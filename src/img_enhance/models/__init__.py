"""Models: networks with their weights, where those come from, and how they get onto this machine."""
