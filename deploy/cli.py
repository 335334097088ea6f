"""The `quanji` command: finds its sub-commands in `deploy.commands`, a module each."""

from __future__ import annotations

import argparse
import ast
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy import commands

EPILOG = """\
先试一试 / a first look:
  quanji up --demo                          一条命令运行全部，含演示 / everything, with demo data
  quanji due case.decide 2026-03-02         计算办案期限 / count a legal deadline, needs no database
  quanji COMMAND --help                     各命令的说明与例子 / what a command does, with examples
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Only the module of that command is imported."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="quanji",
        description="全记：行政执法全过程记录 / full-process recording of field inspections",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in _commands().items():
        subparser = subparsers.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if given[:1] == [name]:
            module = importlib.import_module(f"{commands.__name__}.{name}")
            module.arguments(subparser)
            subparser.set_defaults(run=module.run)
    chosen = parser.parse_args(given)
    status: int = chosen.run(chosen)
    return status


def _commands() -> dict[str, str]:
    """Name → docstring, read from the source: importing all of them would take a second."""
    places = [Path(place) for place in commands.__path__]
    return {
        info.name: ast.get_docstring(ast.parse((place / f"{info.name}.py").read_text())) or ""
        for place in places
        for info in pkgutil.iter_modules([str(place)])
    }


if __name__ == "__main__":
    sys.exit(main())
