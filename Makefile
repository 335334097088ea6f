# 全记 Quanji.   make run    一条命令运行全部，含演示 / everything, with a simulated day
#                make test   安装所需并运行全部测试 / set up and run every test
# All that is made stays in this folder: .venv/ (Python), .node/ (Node, stamps), data/ (your data).

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
DATA ?= data
PORT ?= 8600
WORKERS ?= 2
RUNS ?= 200
UPLOADS ?= 50
WEB_SOURCES := $(shell find console/web mobile_api/handheld -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
# Node's folder was chosen when .node/path was made; npm's children find the same one.
NODE = PATH="$$(cat .node/path):$$PATH"
NPM = $(NODE) npm --no-audit --no-fund --no-update-notifier
say = @printf '\033[1m%s\033[0m\n' "==> $(1)"

.PHONY: help run setup web test lint test-web test-python test-faults screenshots chromium lock clean
.DELETE_ON_ERROR:

help: ## 列出命令 / list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'
	@echo '  make bench-NAME	运行 tests/bench/NAME.py / run one benchmark'

run: setup web ## 运行全部，含演示 / run everything, with demo data (DATA=data PORT=8600)
	@exec $(PY) -m deploy.cli up --demo --data $(DATA) --port $(PORT)

setup: $(VENV)/ready ## 安装运行所需 / install what running needs

web: .node/web-built ## 构建网页 / build the web apps

test: lint test-web test-python ## 安装所需并运行全部检查与测试 / every check and test

lint: $(VENV)/dev-ready ## 格式、分层、类型 / format, layers, types
	$(call say,检查格式、分层与类型 / checking format and layers and types)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports
	$(PY) -m mypy

test-web: .node/web-built ## 网页的类型检查与测试 / type checks and tests of the web apps
	$(call say,检查网页 / checking the web apps)
	@$(NPM) run check
	@$(NPM) run test

test-python: $(VENV)/dev-ready .node/web-built chromium ## pytest，含浏览器 / with the browser
	$(call say,运行测试 / running the tests)
	@$(NODE) $(PY) -m pytest -n $(WORKERS) $(PYTEST)

test-faults: $(VENV)/dev-ready .node/modules ## 断线与断电下的上传 / uploads on bad lines and without power (RUNS=200 UPLOADS=50)
	@QUANJI_FAULT_RUNS=$(RUNS) QUANJI_FAULT_UPLOADS=$(UPLOADS) \
		$(NODE) $(PY) -m pytest -n $(WORKERS) tests/faults $(PYTEST)

screenshots: $(VENV)/dev-ready .node/web-built chromium ## 重拍 README 的截图 / take the README's pictures
	@$(PY) -m tests.web.screenshots

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
		|| command -v google-chrome >/dev/null || { \
		echo '缺少 Chromium，浏览器测试无法运行 / Chromium is missing, which the browser tests need.' >&2; \
		echo '  Debian:  sudo apt install chromium fonts-noto-cjk' >&2; \
		echo '  Fedora:  sudo dnf install chromium google-noto-sans-cjk-fonts' >&2; exit 1; }

bench-%: $(VENV)/dev-ready
	@$(PY) -m tests.bench.$(subst -,_,$*)

lock: ## 更新锁文件 / lock newer versions (needs uv)
	$(call say,更新锁文件 / resolving the locks)
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" deploy/setup/lock

clean: ## 删除可重建的一切，不动数据 / remove what can be made again, never the data
	rm -rf $(VENV) .node node_modules console/web/node_modules console/web/dist

$(VENV)/made:
	$(call say,1/4 建立 Python 环境 / making the Python environment)
	@python=$$(deploy/setup/find-python) && rm -rf $(VENV) && "$$python" -m venv $(VENV) && touch $@

# The project itself goes in editable and without network: the lock holds its build tool.
$(VENV)/ready: $(VENV)/made requirements.lock pyproject.toml
	$(call say,2/4 安装依赖，首次约几分钟 / installing dependencies - the first time takes minutes)
	@$(PY) deploy/setup/install.py requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-index --no-deps \
		--no-build-isolation --editable .
	@touch $@

$(VENV)/dev-ready: $(VENV)/ready requirements-dev.lock
	$(call say,安装测试工具 / installing the tools of the tests)
	@$(PY) deploy/setup/install.py requirements-dev.lock
	@touch $@

.node/path: $(VENV)/made deploy/setup/node.lock
	$(call say,3/4 准备 Node / finding Node)
	@mkdir -p .node
	@if deploy/setup/node-ok; then dirname "$$(command -v node)" > $@; else \
		echo '  没有合适的 Node，从 PyPI 安装 / none that fits: installing it from PyPI'; \
		$(PY) -m venv .node/venv && .node/venv/bin/python deploy/setup/install.py deploy/setup/node.lock \
		&& echo "$(CURDIR)/.node/venv/bin" > $@; fi

.node/modules: package.json package-lock.json .node/path
	$(call say,安装网页依赖 / installing the web apps' dependencies)
	@$(NPM) ci || { echo '网页依赖未装好：检查网络后再次执行 / check the network and run it again' >&2; exit 1; }
	@touch $@

.node/web-built: .node/modules $(WEB_SOURCES)
	$(call say,4/4 构建网页 / building the web apps)
	@$(NPM) run build
	@touch $@
