# Deployment to AWS; included by the Makefile. ENV names an environment of samconfig.toml.
ENV ?= dev
PAGE ?= yes

ERROR ?=
SINCE ?=
YES ?=

PREFIX ?=
KEYS ?=
START_AT ?=

.PHONY: deploy destroy redeliver retry backfill

deploy: $(VENV)/.dev ## Deploy to AWS: registry, build, push, stack (ENV=dev|prod, PAGE=no leaves the web service out)
	PYTHONPATH=functions $(BIN)/python -m scripts.deploy deploy --env $(ENV) $(if $(filter no,$(PAGE)),--without-page)

destroy: $(VENV)/.dev ## Delete the stacks; keeps photographs, a database snapshot and the user pool
	PYTHONPATH=functions $(BIN)/python -m scripts.deploy destroy --env $(ENV)

redeliver: $(VENV)/.dev ## Send the events in the dead letter queue where they belonged (docs/operations.md)
	PYTHONPATH=functions $(BIN)/python -m scripts.redeliver --env $(ENV)

retry: $(VENV)/.dev ## Start failed runs again at the step that failed (ERROR=name, SINCE=3d, YES=yes asks nothing)
	PYTHONPATH=functions $(BIN)/python -m scripts.retry --env $(ENV) $(if $(ERROR),--error $(ERROR)) \
	  $(if $(SINCE),--since $(SINCE)) $(if $(filter yes,$(YES)),--yes)

backfill: $(VENV)/.dev ## Measure photographs again (PREFIX=2024-, KEYS=file or ERROR=name SINCE=3d; START_AT=segmentation)
	PYTHONPATH=functions $(BIN)/python -m scripts.backfill --env $(ENV) $(if $(PREFIX),--prefix $(PREFIX)) \
	  $(if $(KEYS),--keys $(KEYS)) $(if $(ERROR),--failed $(ERROR)) $(if $(SINCE),--since $(SINCE)) \
	  $(if $(START_AT),--start-at $(START_AT)) $(if $(filter yes,$(YES)),--yes)
