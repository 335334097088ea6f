"""The sub-commands of `quanji`, a module each.

A module's docstring is its help: the first line says in Chinese and English what it does, the rest
teaches with examples. `arguments(parser)` adds to an `argparse.ArgumentParser`; `run(chosen)` takes
the parsed `argparse.Namespace` and returns the exit code.
"""
