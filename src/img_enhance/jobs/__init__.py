"""Jobs that are kept: rows, files, and why one is not taken."""
