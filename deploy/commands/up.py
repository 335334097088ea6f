"""一条命令运行全部 / run everything: database, store, API, worker, scheduler

全部数据保存在一个目录；Ctrl-C 停止；被强行终止后再次运行即可恢复。
All state is in one folder. Ctrl-C stops it; after being killed it just starts again.

例 / examples:
  quanji up --demo                       先看一天的演示数据 / watch a simulated day come in
  quanji up --data /srv/quanji --port 8600
  quanji up --host 0.0.0.0 --public-url http://192.0.2.10:8600   供手持设备访问 / for handhelds

退出码 / exit codes: 0 已停止 stopped · 2 命令行有误 wrong command line · 3 端口被占用 port taken ·
4 目录不可写 folder not writable · 5 磁盘将满 disk nearly full · 6 已在运行 already running ·
7 服务未能启动 a service did not start · 8 数据库升级失败 preparing the database failed
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.supervise import Wanted, up


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", type=Path, default=Path("data"), metavar="DIR", help="数据目录 / folder (data)")
    add("--port", type=_port, default=8600, metavar="N", help="端口 / HTTP port (8600)")
    add("--host", default="127.0.0.1", help="监听地址 / address to listen at (127.0.0.1)")
    add("--public-url", metavar="URL", help="设备访问的网址 / how devices reach it")
    add("--demo", action="store_true", help="送入一天的演示数据 / send in a simulated day")


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text} 不是端口号 / is no port: 1 to 65535")
    return int(text)


def run(chosen: argparse.Namespace) -> int:
    folder = chosen.data.expanduser().resolve()
    return up(Wanted(folder, chosen.host, chosen.port, chosen.demo, chosen.public_url))
