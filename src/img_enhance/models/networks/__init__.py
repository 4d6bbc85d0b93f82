"""Networks as functions: one file per architecture, with all that is particular to it."""
