# The words here are the words in CI. Every target makes its own environment from the lock file when needed, and compiles the engine when
# its sources have changed; without the engine nothing here runs.
#   make demo    the main job on the embedded data
#   make test    all tests, slow ones too
#   make check   formatting, lint, types, imports
#   make docs    the documentation as a site, in build/site
#   make engine  the compiled engine alone; what has not changed is not compiled again
#   make check-native   the engine without Python, under the sanitizers and without, on every instruction set that runs here (SEED=2 for other cases)
#   make bench   the figures of bench/RESULTS.md (eight hours or so; wants the data folder: TIDEGATE_DATA, else ../shared/data)
#   make claims  docs/claims.md: what is said of LSTM, Bi-LSTM and GRU, measured (two hours on one core; what is there is not measured again)

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
ENGINE := .venv/engine
# The folder too: it is newer once a file has been taken out of it.
ENGINE_SOURCES := CMakeLists.txt src/tidegate/kernels/csrc $(wildcard src/tidegate/kernels/csrc/*)

.PHONY: demo test test-fast check check-native docs bench claims engine lock clean

demo: engine
	$(BIN)/tidegate demo --out demo
	@echo "First, once in this shell: . $(BIN)/activate"

# A process a core, one thread each; who is done first takes tests over from the others.
ON_ALL_CORES := -n auto --dist worksteal

test: engine
	$(BIN)/python -m pytest $(ON_ALL_CORES)

test-fast: engine
	$(BIN)/python -m pytest $(ON_ALL_CORES) -m "not slow"

check: engine
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

SEED ?= 1
check-native: $(READY)
	@set -e; export PATH="$$PWD/$(BIN):$$PATH"; for kind in address thread plain; do \
	  echo "== $$kind"; \
	  sanitizer=$$kind; if [ $$kind = plain ]; then sanitizer=; fi; \
	  cmake -S tests/native -B build/native/$$kind -G Ninja -DSANITIZER=$$sanitizer -DSEED=$(SEED) > build/native-$$kind.log || { cat build/native-$$kind.log; exit 1; }; \
	  cmake --build build/native/$$kind; \
	  ctest --test-dir build/native/$$kind --output-on-failure --parallel 2; \
	done

docs: engine build/gates.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "build/site/index.html; for the search: $(BIN)/python -m http.server --directory build/site"

# The demo's Bi-GRU reads a sentence, and the page on explaining shows its gates.
build/gates.html: $(ENGINE)
	$(BIN)/tidegate demo --out build/demo --quiet > build/demo.txt
	$(BIN)/tidegate explain build/demo/bigru "Teddy bears were sewn ." --at Teddy --out $@

bench: engine
	$(BIN)/python -m bench.kernels
	$(BIN)/python -m bench.crf
	$(BIN)/python -m bench.ctc
	$(BIN)/python -m bench.sampling
	$(BIN)/python bench/tagging.py ud_english_ewt wnut17 snips_nlu --seeds 3
	$(BIN)/python bench/language_models.py speed
	$(BIN)/python bench/language_models.py scores tinyshakespeare --time-budget 10m
	$(BIN)/python bench/language_models.py scores war_and_peace --arch rnn,lstm,gru,mingru,bilstm,bigru --time-budget 5m
	$(BIN)/python -m bench.translation training
	$(BIN)/python -m bench.translation quality cmudict
	$(BIN)/python -m bench.translation quality tatoeba_eng_spa --attention additive,multiplicative,none
	$(BIN)/python -m bench.forecasting etth1 --seeds 1,2,3
	$(BIN)/python -m bench.forecasting beijing_air --arch gru,lstm,rnn --seeds 1,2,3
	$(BIN)/python -m bench.forecasting auto_ets
	$(BIN)/python bench/filling.py --seeds 1,2,3
	$(BIN)/python bench/explanation.py --threads 1
	$(BIN)/python bench/gate_histograms.py
	$(BIN)/python -m bench.sequences japanese_vowels --arch bigru,gru --seeds 1,2,3
	$(BIN)/python -m bench.sequences fsdd --arch bigru,gru --seeds 1,2,3
	$(BIN)/python -m bench.sequences speakers --arch bigru --seeds 1,2,3
	$(BIN)/python -m bench.sequences lookahead --seeds 1,2,3 --set max_epochs=35
	$(BIN)/python -m bench.sequences live
	$(BIN)/python bench/inheritance.py
	$(BIN)/python bench/classification.py sms_spam banking77 clinc150 snips_nlu sentence_polarity --seeds 3

claims: engine
	$(BIN)/python -m bench.claims

$(READY): requirements/lock.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	touch $(READY)

# pip calls CMake in build/ and installs what comes out. Where there is something to compile again, CMake goes first, since pip keeps the
# compiler's warnings to itself.
$(ENGINE): $(READY) pyproject.toml $(ENGINE_SOURCES)
	@build=build/$$($(BIN)/python -c "import sys; print(sys.implementation.cache_tag)"); \
	if [ -f $$build/build.ninja ]; then PATH="$(BIN):$$PATH" cmake --build $$build; fi
	@TIDEGATE_NEEDS_ENGINE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . \
	|| { echo "The engine was not built; the reason stands above. It wants a compiler for C++20: GCC or Clang." >&2; exit 1; }
	touch $(ENGINE)

# Asked every time: pip installs the package without the engine where it finds no compiler.
engine: $(ENGINE)
	@$(BIN)/python -c "import sys; from tidegate.kernels import engine; engine.is_built() or sys.exit(1)" \
	|| { rm -f $(ENGINE); echo "The engine is not installed in .venv. Type make engine: that builds it, or says why not." >&2; exit 1; }

# Resolves the ranges of pyproject.toml anew and writes the versions down, without local versions such as +cpu.
lock:
	rm -rf .venv build
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements/direct.txt
	$(BIN)/python -m pip freeze --exclude-editable --exclude tidegate | sed 's/+[a-z0-9.]*$$//' > requirements/lock.txt

clean:
	rm -rf .venv demo build dist
