"""One verb asked for, planned, run and recorded: what the verbs and every surface share."""
