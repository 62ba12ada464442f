# Deployment to AWS; included by the Makefile. ENV names an environment of samconfig.toml.
ENV ?= dev
PAGE ?= yes
SMOKE ?= yes

ERROR ?=
SINCE ?=
YES ?=

.PHONY: deploy destroy redeliver retry smoke

deploy: $(VENV)/.dev ## Deploy to AWS and try it (ENV=dev|prod, PAGE=no leaves the web service out, SMOKE=no does not try it)
	$(BIN)/python -m scripts.deploy deploy --env $(ENV) $(if $(filter no,$(PAGE)),--without-page) \
	  $(if $(filter no,$(SMOKE)),--without-smoke-test)

destroy: $(VENV)/.dev ## Delete the stacks; keeps photographs, a database snapshot and the user pool
	$(BIN)/python -m scripts.deploy destroy --env $(ENV)

redeliver: $(VENV)/.dev ## Send the events in the dead letter queue to their targets (docs/how-to/recover.md)
	$(BIN)/python -m scripts.redeliver --env $(ENV)

retry: $(VENV)/.dev ## Start failed runs again at the step that failed (ERROR=name, SINCE=3d, YES=yes asks nothing)
	$(BIN)/python -m scripts.retry --env $(ENV) $(if $(ERROR),--error $(ERROR)) \
	  $(if $(SINCE),--since $(SINCE)) $(if $(filter yes,$(YES)),--yes)

smoke: $(VENV)/.dev ## Send a drawn photograph through a deployment, compare its cover with the truth, and remove it
	$(BIN)/python -m scripts.smoke --env $(ENV)
