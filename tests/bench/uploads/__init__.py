"""How fast uploads are, beside a peer and beside the store alone: python -m tests.bench.uploads."""
