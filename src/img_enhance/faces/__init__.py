"""Faces: found, brought to GFPGAN's square, measured, and put back."""
