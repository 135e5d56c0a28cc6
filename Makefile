# The commands of this project. Go 1.26, git and make are all they need; tools are built from internal/tools.
# `make` lists the targets.

.POSIX:
.DEFAULT_GOAL := help

RECEIVER  := receiver/proofpointpodreceiver
EXTENSION := extension/sourcehealthextension
TOOLS     := bin/tools
OCB       := $(TOOLS)/builder
MDATAGEN  := $(TOOLS)/mdatagen
LINTER    := $(TOOLS)/golangci-lint
PROMTOOL  := $(TOOLS)/promtool

# What a binary is built from: every Go file that is no test, whoever imports it, and the page of the extension. Go's
# build cache decides the rest.
SOURCES := $(shell find cmd extension internal receiver -name '*.go' ! -name '*_test.go') \
	$(wildcard $(EXTENSION)/assets/*) go.mod go.sum

# What mdatagen writes, from the metadata.yaml in the same folder.
GENERATED := $(addprefix $(RECEIVER)/,documentation.md internal/metadatatest) \
	$(foreach folder,$(RECEIVER) $(EXTENSION),$(addprefix $(folder)/,generated_component_test.go generated_package_test.go internal/metadata))

# How long each fuzz target runs in `make fuzz`.
FUZZTIME ?= 20s

# `make bench`: how often each variant is measured, how long a measurement is, after how many records memory is looked
# at for the last time, and what else the program is to be told.
ROUNDS ?= 5
BENCHTIME ?= 1s
BENCHSOAK ?= 5000000
BENCHFLAGS ?=

# How long `make soak` goes on.
SOAKTIME ?= 30m

# How many schedules it plays on each of the models before.
SOAKSEEDS ?= 20

# Only the race detector needs a C compiler. Where there is none, Go says CGO_ENABLED=0, and tests run without it.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# End-to-end tests wait most of the time, so more of them run at once than there are processors.
SIDE_BY_SIDE := -parallel 10

# The collector builder compiles without cgo and with -trimpath. Whatever else is built the same way is compiled once.
PLAIN := CGO_ENABLED=0 GOFLAGS='$(GOFLAGS) -mod=readonly -buildvcs=false -trimpath'

# Every operating system and every processor for which the programs are built is in one of these, or is this machine's.
# No file depends on both, so that the other combinations build, too.
PLATFORMS := darwin/arm64 windows/amd64

.PHONY: help run test build generate distribution lint platforms bench fuzz screenshots soak clean check-generate \
	check-distribution alerts unit e2e tools

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1|/p' Makefile | awk -F'|' '{ printf "make %-16s %s\n", $$1, $$2 }'

run: build bin/run ## run the collector: on the real service with POD_CLUSTER_ID and POD_API_SECRET, else on the simulator
	@bin/run

test: check-generate lint alerts unit e2e check-distribution ## run everything that CI runs

build: bin/otelcol-proofpointpod bin/podsim ## build the collector and the simulator into bin/

generate: $(MDATAGEN) ## write the code and the documentation that come from metadata.yaml
	rm -rf $(GENERATED)
	PATH="$(CURDIR)/$(TOOLS):$$PATH" go generate ./$(RECEIVER) ./$(EXTENSION)

distribution: build ## write the modules of the collector into distribution/, and their licences into NOTICE
	cp build/go.mod build/go.sum distribution/
	$(PLAIN) go run ./internal/notice

check-distribution: build ## check that distribution/ and NOTICE are those of the collector that was built
	@diff distribution/go.mod build/go.mod && diff distribution/go.sum build/go.sum || \
		{ echo 'make: the collector has other modules: run `make distribution`' >&2; exit 1; }
	$(PLAIN) go run ./internal/notice -check

lint: $(LINTER) platforms ## run golangci-lint, and vet on other platforms
	$(PLAIN) $(LINTER) run ./...

platforms:
	@for platform in $(PLATFORMS); do \
		echo "vet $$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} $(PLAIN) go vet ./... || exit 1; \
	done

alerts: $(PROMTOOL) ## check the Prometheus alerts, and play them on made-up series
	$(PROMTOOL) check config --lint=all --lint-fatal config/prometheus/prometheus.yaml
	$(PROMTOOL) test rules config/prometheus/*_test.yaml

unit: ## run the unit tests, with the race detector where there is a C compiler
	@$(if $(RACE),,echo 'make: no C compiler: the tests run without the race detector')
	go test -timeout 30m $(RACE) $$(go list ./... | grep -v /internal/e2e)

e2e: build bin/run $(OCB) ## run the end-to-end tests on the built binaries
	@(command -v chromium || command -v chromium-browser || command -v google-chrome) >/dev/null || \
		echo 'make: no Chromium: the page of the sources is NOT tested in a browser'
	$(PLAIN) go test -count=1 -timeout 15m $(SIDE_BY_SIDE) ./internal/e2e

screenshots: build ## take the pictures in docs/ anew, with Chromium
	UPDATE_SCREENSHOTS=1 $(PLAIN) go test -count=1 -timeout 10m -run 'TestPage_follows' ./internal/e2e

soak: build ## play fresh random faults, on the built binary for SOAKTIME (default 30m); E2E_SOAK_SEED plays one schedule again
	PROOFPOINTPOD_SOAK_SEEDS=$(SOAKSEEDS) go test -count=1 -timeout 0 -run 'TestPosition_losesNothing|TestPromise_randomSchedule' \
		./internal/position ./$(RECEIVER)
	E2E_SOAK_TIME=$(SOAKTIME) $(PLAIN) go test -v -count=1 -timeout 0 $(SIDE_BY_SIDE) -run 'TestPromise_atRandom' ./internal/e2e

bench: bin/bench ## measure what the receiver costs, against anchors and targets, and write docs/performance.md
	bin/bench -rounds $(ROUNDS) -time $(BENCHTIME) -soak $(BENCHSOAK) -document docs/performance.md $(BENCHFLAGS)

fuzz: ## run every fuzz target for FUZZTIME (default 20s)
	@grep -rl --include='*_test.go' '^func Fuzz' cmd extension internal receiver | xargs -n 1 dirname | sort -u | \
	while read -r dir; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$dir"/*_test.go); do \
			echo "fuzz $$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "./$$dir" || exit 1; \
		done; \
	done

# Generates into a copy, so that the check tells of the tree as it is, committed or not, and leaves it alone.
check-generate: $(MDATAGEN) ## check that the generated files are those of metadata.yaml
	@rm -rf bin/generated && mkdir -p bin/generated/$(RECEIVER) bin/generated/$(EXTENSION)
	@cp go.mod go.sum metadata.yaml bin/generated/
	@for folder in $(RECEIVER) $(EXTENSION); do \
		cp -P $$folder/doc.go $$folder/metadata.yaml bin/generated/$$folder/ && \
		(cd bin/generated/$$folder && $(CURDIR)/$(MDATAGEN) metadata.yaml) || exit 1; \
	done
	@for file in $(GENERATED); do \
		diff -r bin/generated/$$file $$file || \
		{ echo 'make: generated files are out of date: run `make generate`' >&2; exit 1; }; \
	done

tools: $(OCB) $(MDATAGEN) $(LINTER) $(PROMTOOL) $(TOOLS)/benchstat ## build the tools into bin/tools/

clean: ## remove what was built and what `make run` wrote
	rm -rf bin build var

# The sums are there before, so that Go refuses a module that is not what it was.
bin/otelcol-proofpointpod: builder-config.yaml distribution/go.sum $(SOURCES) $(OCB)
	mkdir -p build && cp distribution/go.sum build/
	$(PLAIN) $(OCB) --config builder-config.yaml --skip-strict-versioning=false
	mv build/otelcol-proofpointpod $@

bin/podsim: $(SOURCES)
	$(PLAIN) go build -o $@ ./cmd/podsim

bin/bench: $(SOURCES)
	$(PLAIN) go build -o $@ ./internal/bench

bin/run: $(SOURCES)
	$(PLAIN) go build -o $@ ./internal/run

$(OCB): internal/tools/go.mod internal/tools/go.sum
	$(PLAIN) go build -C internal/tools -o $(CURDIR)/$@ go.opentelemetry.io/collector/cmd/builder

$(MDATAGEN): internal/tools/go.mod internal/tools/go.sum
	$(PLAIN) go build -C internal/tools -o $(CURDIR)/$@ go.opentelemetry.io/collector/cmd/mdatagen

$(LINTER): internal/tools/go.mod internal/tools/go.sum
	$(PLAIN) go build -C internal/tools -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# A module of its own, so that its many dependencies decide on no version of the other tools; and without the service
# discoveries, of which no check here has a use.
$(PROMTOOL): internal/tools/promtool/go.mod internal/tools/promtool/go.sum
	$(PLAIN) go build -C internal/tools/promtool -tags remove_all_sd -o $(CURDIR)/$@ github.com/prometheus/prometheus/cmd/promtool

$(TOOLS)/benchstat: internal/tools/go.mod internal/tools/go.sum
	$(PLAIN) go build -C internal/tools -o $(CURDIR)/$@ golang.org/x/perf/cmd/benchstat
