"""Processes that do the work, and what is said between them and whoever has it."""
