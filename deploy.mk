# Deployment to AWS; included by the Makefile. ENV names an environment of samconfig.toml.
ENV ?= dev
PAGE ?= yes
SMOKE ?= yes

ERROR ?=
SINCE ?=
YES ?=

PREFIX ?=
KEYS ?=
START_AT ?=

.PHONY: deploy destroy redeliver retry smoke verify-aws park unpark backfill

deploy: $(VENV)/.dev ## Deploy to AWS and try it (ENV=dev|prod, PAGE=no leaves the web service out, SMOKE=no does not try it)
	$(BIN)/python -m scripts.deploy deploy --env $(ENV) $(if $(filter no,$(PAGE)),--without-page) \
	  $(if $(filter no,$(SMOKE)),--without-smoke-test)

destroy: $(VENV)/.dev ## Delete the stacks; keeps photographs, a database snapshot and the user pool
	$(BIN)/python -m scripts.deploy destroy --env $(ENV)

redeliver: $(VENV)/.dev ## Send the events in the dead letter queue to their targets (docs/how-to/recover.md)
	$(BIN)/python -m scripts.redeliver --env $(ENV)

retry: $(VENV)/.dev ## Start failed runs again at the step that failed (ERROR=name, SINCE=3d, YES=yes asks nothing)
	$(BIN)/python -m scripts.retry --env $(ENV) $(if $(ERROR),--error "$(ERROR)") \
	  $(if $(SINCE),--since "$(SINCE)") $(if $(filter yes,$(YES)),--yes)

backfill: $(VENV)/.dev ## Measure photographs again (PREFIX=2024-, KEYS=file or ERROR=name SINCE=3d; START_AT=segmentation)
	$(BIN)/python -m scripts.backfill --env $(ENV) $(if $(PREFIX),--prefix "$(PREFIX)") \
	  $(if $(KEYS),--keys "$(KEYS)") $(if $(ERROR),--failed "$(ERROR)") $(if $(SINCE),--since "$(SINCE)") \
	  $(if $(START_AT),--start-at $(START_AT)) $(if $(filter yes,$(YES)),--yes)

smoke: $(VENV)/.dev ## Send a drawn photograph through a deployment, compare its cover with the truth, and remove it
	$(BIN)/python -m scripts.smoke --env $(ENV)

verify-aws: $(VENV)/.dev ## Run the state machine cases on AWS's TestState API (needs credentials; deploys and keeps nothing)
	REEFSTEPS_SFN_ENDPOINT=teststate $(BIN)/python -m pytest tests/integration/statemachine/test_statemachine_pipeline.py \
	  tests/integration/statemachine/test_statemachine_relabel.py tests/integration/statemachine/test_statemachine_convert.py

park: $(VENV)/.dev ## Run no task of the web page, and quiet its alarm (about 22 USD a month less); photographs go on by S3
	$(BIN)/python -m scripts.park park --env $(ENV)

unpark: $(VENV)/.dev ## Bring the web page back
	$(BIN)/python -m scripts.park unpark --env $(ENV)
