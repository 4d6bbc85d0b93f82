# make demo   enhance the sample photo           make check  format, lint, types, import floors
# make serve  serve the web API                  make soak   kill the service again and again
# make test   run the tests                      make bench  print the tables of speed, exactness and memory
# make test-torch  install PyTorch and run its   make bench-quality  print how well pictures are corrected
#                  tests
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-torch soak serve check format bench bench-large bench-fifteen bench-quality bench-gpu clean

demo: .venv/base.stamp
	mkdir -p demo
	$(BIN)/img-enhance enhance samples/cat.png -o demo/cat_enhanced.png --overwrite
	$(BIN)/img-enhance compare samples/cat.png demo/cat_enhanced.png -o demo/cat_compared.png --overwrite

test: .venv/dev.stamp
	$(BIN)/pytest

test-torch: .venv/torch.stamp
	$(BIN)/pytest -m torch

# About an hour; IMG_ENHANCE_SOAK_ROUNDS and IMG_ENHANCE_SOAK_JOBS shorten it (docs/reliability.md).
soak: .venv/dev.stamp
	IMG_ENHANCE_SOAK=1 $(BIN)/pytest -s tests/service

serve: .venv/service.stamp
	$(BIN)/img-enhance serve

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_floors.py

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev.stamp
	$(BIN)/python bench/run.py

bench-large: .venv/dev.stamp
	$(BIN)/python bench/large.py

bench-fifteen: .venv/dev.stamp
	$(BIN)/python bench/fifteen.py

bench-gpu: .venv/torch.stamp
	$(BIN)/python bench/gpu.py

bench-quality: .venv/bench-quality.stamp
	$(BIN)/python bench/quality_run.py

clean:
	rm -rf .venv .bench demo build

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "img-enhance needs Python 3.11 or later; set PYTHON=")'
	$(PYTHON) -m venv .venv

.venv/base.stamp: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/dev.stamp: .venv/base.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,service]'
	touch $@

.venv/service.stamp: .venv/base.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[service]'
	touch $@

.venv/bench-quality.stamp: .venv/base.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench-quality]'
	touch $@

.venv/torch.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	rm -rf .mypy_cache  # it remembers that there was no torch, and reports errors that are none
	touch $@
