"""The results of commands as data, text and JSON: plans, checks, deploys, refusals."""
