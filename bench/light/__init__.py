"""How well light is corrected on photos that were taken too dark and too bright; see `bench/light_run.py`."""
