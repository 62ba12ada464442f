"""The local AWS: the deployed template, state machines and handlers on one machine, without Docker or an account."""
