"""Runtimes: each implements the operations that networks are written in."""
