"""This machine: its devices, its memory, its folders, and what its environment says."""
