# The same few commands here and in CI. `make demo` and `make test` need nothing but Python 3.11 and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_OFFLINE ?= 1

.PHONY: demo real real-judge test test-slow lint browser env spark llama test-llama decoder clean

env: $(VENV)/.ready

# torch first and by its exact version: a plain `torch` may bring gigabytes of CUDA packages.
$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0 -c constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@

# The whole loop on a simulated marketplace: report, scorecard and one artifact per recipe, in runs/demo.
demo: env
	$(BIN)/adjudge demo --out runs/demo

# Real labels: ESCI. Give your own copy with make real ESCI=/path.
ESCI ?= ../shared/data/esci/pairs.parquet
real: env
	$(BIN)/python -m examples.esci.real --data $(ESCI) --out runs/esci

# Judges on three grades from ESCI's train labels; with the decoder fine-tuned too (longer): ARGS="--decoder tests/decoder
# --decoder-prompt tests/decoder/prompt-ordinal3.md".
real-judge: real
	$(BIN)/python -m examples.esci.real_judge --out runs/esci-judge $(ARGS)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two processes of one thread each: on two cores that is faster than one process of two threads.
test: env spark lint browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

# The Spark engine's tests and bench; needs Java 17.
spark: env $(VENV)/.spark

$(VENV)/.spark: pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[spark]' -c constraints.txt
	touch $@

# A headless Chromium for the report's tests; without one they skip and say so.
browser:
	tools/browser.sh

test-slow: env spark browser
	$(BIN)/pytest -m slow

# llama.cpp with its OpenAI-compatible server, built from source once (5-10 minutes), in an environment of its own.
LLAMA ?= .venv-llama
llama: $(LLAMA)/.ready

$(LLAMA)/.ready: tools/llama.txt
	test -x $(LLAMA)/bin/python || $(PYTHON) -m venv $(LLAMA)
	CMAKE_ARGS=-DLLAVA_BUILD=OFF $(LLAMA)/bin/pip install --quiet --disable-pip-version-check -r tools/llama.txt
	touch $@

# The committed decoder behind llama.cpp's server, in this process and through batch files: the same verdicts.
test-llama: env llama
	OMP_NUM_THREADS=1 $(BIN)/pytest -m '' tests/llm/test_llama_cpp.py

# The small decoder that judges, pretrained from scratch (see tools/decoder/README.md) and written to runs/decoder.
decoder: env
	OMP_NUM_THREADS=1 $(BIN)/python tools/decoder/pretrain.py --out runs/pretraining
	$(BIN)/python tools/decoder/export.py runs/pretraining runs/decoder

clean:
	rm -rf build dist runs .pytest_cache .hypothesis .ruff_cache .mypy_cache
