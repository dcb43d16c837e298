# make run: everything from nothing, and the demo in the browser.
.DEFAULT_GOAL := help
SHELL := /bin/bash
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
CACHE := $(CURDIR)/.cache
LINT := $(or $(shell command -v golangci-lint),$(CACHE)/bin/golangci-lint)
LINT_VERSION := v2.15.0
FUZZTIME ?= 1m
ARGS ?=
TESTFLAGS ?=
# Google's storage library, which firebase brings along unused, would link all of xDS: 13 MB.
BUILDTAGS := disable_grpc_modules

.PHONY: help
help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: need-run assets build ## install what is missing, build, and start the demo (ARGS="--speed 4 --installations 5000")
	exec bin/usher demo $(ARGS)

.PHONY: build
build: ## the static binary bin/usher
	CGO_ENABLED=0 go build -tags $(BUILDTAGS) -trimpath -ldflags="-s -w" -o bin/usher .

.PHONY: assets
assets: web/assets/vendor/.done ## third-party scripts, from the lock file into web/assets/vendor

web/assets/vendor/.done: web/package-lock.json web/vendor.sh
	cd web && npm ci --no-fund --no-audit
	web/vendor.sh web/node_modules web/assets/vendor
	touch $@

# Other people's clients, which tests let talk to a running Usher.
CLIENTS := $(patsubst %/package.json,%/node_modules/.done,$(wildcard test/clients/*/package.json))

test/clients/%/node_modules/.done: test/clients/%/package-lock.json
	cd $(<D) && npm ci --no-fund --no-audit
	touch $@

.PHONY: clients
clients: $(CLIENTS) ## true clients of other services, for tests

# Usher's own clients, made from docs/openapi.json.
OAPI_VERSION := v2.8.2
OAPI := $(CACHE)/bin/oapi-codegen-$(OAPI_VERSION)
CLIENTS_DIR ?= $(CURDIR)/bin/clients
CLIENTS_VERSION ?= 0.0.0

$(OAPI):
	GOBIN=$(CACHE)/bin go install github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@$(OAPI_VERSION)
	mv $(CACHE)/bin/oapi-codegen $@

.PHONY: clients-api
clients-api: $(OAPI) test/clients/api/node_modules/.done ## clients of the API for TypeScript and Go, into bin/clients
	OAPI_CODEGEN=$(OAPI) test/clients/api/make.sh $(CLIENTS_DIR) $(CLIENTS_VERSION)

.PHONY: test
test: need-test assets $(CLIENTS) $(OAPI) ## every test (TESTFLAGS="-race" for the race detector)
	go test -timeout 30m $(TESTFLAGS) ./...

.PHONY: deploy-test
deploy-test: build ## the systemd unit and both images, built and run (as root; installs buildah and debootstrap; says what it cannot try)
	test/systemd.sh bin/usher || [ $$? = 77 ]
	test/docker.sh || [ $$? = 77 ]

.PHONY: race
race: ## every test under the race detector
	$(MAKE) test TESTFLAGS=-race

.PHONY: check
check: check-lite $(LINT) ## format, vet, architecture and lint
	$(LINT) run ./...

.PHONY: check-lite
check-lite: ## format, vet and the architecture's rules: needs nothing but Go
	@bad="$$(gofmt -l main.go app modules migrations web/*.go)"; test -z "$$bad" || { echo "run gofmt -w on:" $$bad; exit 1; }
	go vet ./...
	go test -run '^TestArchitecture' ./app/arch*_test.go

$(CACHE)/bin/golangci-lint:
	GOBIN=$(CACHE)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: bench
bench: build ## the numbers of quality.md, beside their goals (ARGS="-quick")
	go run ./app/bench -usher bin/usher $(ARGS)

.PHONY: faults
faults: need-test assets ## kill, stop and starve the processes and stores in the middle of work; what was lost (nothing) and done twice, into docs/faults.md
	test/faults.sh $(TESTFLAGS)

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (1m)
	@set -euo pipefail; grep -rlE --include='*_test.go' '^func Fuzz' app modules | sort | while read -r file; do \
	  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file" | while read -r target; do \
	    echo "== $$target in $$(dirname "$$file")"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
	  done; \
	done

.PHONY: golden
golden: ## write the golden files anew; look at the difference before you commit it
	@set -euo pipefail; for dir in $$(grep -rlE --include='*_test.go' 'webtest\.(Golden|Same)|Bool\("update"' app modules | xargs -n1 dirname | sort -u); do \
	  go test -run Golden "./$$dir" -update; \
	done

.PHONY: pages
pages: need-test assets ## every page in Chromium: light and dark, on a phone and on a desk
	go test -run TestEveryPage ./app -thorough -timeout 20m

.PHONY: screenshots
screenshots: need-test assets ## a picture of every page into docs/images, and docs/tour.md
	go test -run TestEveryPage ./app -pictures "$(CURDIR)/docs/images" -timeout 20m

.PHONY: clean
clean: ## remove what was built and fetched
	rm -rf bin web/assets/vendor web/node_modules test/clients/*/node_modules .cache

# What a program needs is looked for first; only what is missing is installed,
# after saying so. Names are apt's; brew calls some of them otherwise.
define install
	if [ -z "$$missing" ]; then exit 0; fi; \
	if command -v apt-get >/dev/null; then \
	  echo "Installing with apt:$$missing"; \
	  $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing; \
	elif command -v brew >/dev/null; then \
	  echo "Installing with brew:$$missing"; \
	  for package in $$missing; do case $$package in \
	    nodejs) brew install node;; \
	    npm|nghttp2-server) ;; \
	    nghttp2-client) brew install nghttp2;; \
	    postgresql) brew install postgresql@17;; \
	    redis-server) brew install redis;; \
	    chromium) brew install --cask chromium;; \
	    *) brew install $$package;; \
	  esac || exit 1; done; \
	else \
	  echo "Please install:$$missing"; exit 1; \
	fi
endef
has_postgres = command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || compgen -G '/usr/pgsql-*/bin/postgres' >/dev/null \
	|| compgen -G '/opt/homebrew/opt/postgresql@*/bin/postgres' >/dev/null || compgen -G '/usr/local/opt/postgresql@*/bin/postgres' >/dev/null \
	|| compgen -G '/Applications/Postgres.app/Contents/Versions/*/bin/postgres' >/dev/null

.PHONY: need-go
need-go:
	@command -v go >/dev/null || { echo "Usher is built with Go 1.26 or newer, which is not installed: https://go.dev/doc/install"; exit 1; }

.PHONY: need-run
need-run: need-go
	@missing=""; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	{ $(has_postgres); } || missing="$$missing postgresql"; \
	$(install)

.PHONY: need-test
need-test: need-run
	@missing=""; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v node >/dev/null || missing="$$missing nodejs"; \
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ -d "/Applications/Chromium.app" ] || [ -d "/Applications/Google Chrome.app" ] || missing="$$missing chromium"; \
	command -v nghttp >/dev/null || missing="$$missing nghttp2-client"; \
	command -v nghttpd >/dev/null || missing="$$missing nghttp2-server"; \
	$(install)
