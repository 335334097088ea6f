"""运行接口与网页 / run the API and the web pages

设置取自 QUANJI_* 环境变量；缺少的会逐一列出。Settings come from QUANJI_* variables; what is missing
is listed.

例 / examples:
  quanji serve --host 0.0.0.0 --port 8600
  quanji serve --workers 4
"""

from __future__ import annotations

import argparse
import sys

from backend.settings import SettingsError, read_secret, read_settings
from deploy.serve import serve


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="监听地址 / address to listen at (127.0.0.1)")
    add("--port", type=int, default=8600, metavar="N", help="端口 / HTTP port (8600)")
    add("--workers", type=int, default=1, metavar="N", help="进程数 / processes (1)")


def run(chosen: argparse.Namespace) -> int:
    try:
        read_secret(read_settings().secret_key_file)
    except SettingsError as error:
        print(f"quanji serve:\n{error}", file=sys.stderr)
        return 2
    serve(chosen.host, chosen.port, workers=chosen.workers)
    return 0
