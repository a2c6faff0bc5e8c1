"""Benchmarks: this tool against what it replaces and against its peers. Owns `make bench`; is no part of the tool."""
