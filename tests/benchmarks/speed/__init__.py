"""How fast the lab is, beside what others would write: a module each section of `tests/benchmarks/bench.py`."""
