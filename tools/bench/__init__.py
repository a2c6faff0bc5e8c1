"""Benchmarks of this tool against the chain that it replaced and against its peers, for `make bench`."""
