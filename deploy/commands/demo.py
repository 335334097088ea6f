"""送入一天的演示数据 / send in a simulated day of three departments, through the public API

手持终端离线记录后同步，记录仪上传，办公端立案；等到全部处理并判定，列出每种情形的结果。
Handhelds sync, cameras upload, the desk files cases; it waits until all is judged and tells what
each situation became. Killed in the middle, it goes on when started again.

例 / examples:
  quanji up --demo                                                 服务与演示 / server and demo
  quanji demo --data data                                          再看一次结果 / see it again
  quanji demo --url https://quanji.example --login admin --password-file secret --work demo

退出码 / exit codes: 0 全部如期 all as it should be · 1 有不符或未完成 something is not
"""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--url", "--server", default="http://127.0.0.1:8600", help="服务器网址 / server")
    add("--data", type=Path, metavar="DIR", help="quanji up 的数据目录 / its folder, with logins")
    add("--login", default="admin", metavar="NAME", help="管理员账号 / an administrator (admin)")
    add("--password-file", type=Path, metavar="F", help="密码文件 / file with the password alone")
    add("--work", type=Path, metavar="DIR", help="演示的进度目录 / where it remembers (DATA/demo)")
    add("--seed", type=int, default=1, metavar="N", help="编号种子 / seed of the ids (1)")


def run(chosen: argparse.Namespace) -> int:
    from deploy.demo.main import demo  # rich, Pillow and httpx are not for every command

    return demo(chosen)
