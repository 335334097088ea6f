"""Assembles and runs: the only place where real objects are made."""
