"""Weights from files into numpy."""
