"""Benchmarks of this tool against what it replaced and against its peers, for `make bench`."""
