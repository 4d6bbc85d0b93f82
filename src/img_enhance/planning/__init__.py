"""How a recipe will run, and in how much memory, before anything runs: arithmetic only."""
