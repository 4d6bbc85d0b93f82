"""One table, or a few of one kind, per module: `tables(settings)` measures and yields them."""
