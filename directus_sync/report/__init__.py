"""Results as data, and their text and JSON: plans, checks, deploys, refusals."""
