"""The local AWS: the deployed template, state machines and handlers on one Linux machine, without Docker or an account."""
