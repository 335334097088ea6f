"""设备注册 / enrol a device: a one-time code becomes its token

管理员先登记设备并取得注册码（控制台，或 `quanji admin device`）。
An administrator registers the device first and gets a code (console, or `quanji admin device`).

例 / examples:
  quanji device enrol --server http://192.0.2.10:8600 --code ABCD-EFGH-JKMN
  quanji device enrol --server http://192.0.2.10:8600 --code ABCD-EFGH-JKMN --save camera.json

输出一个 JSON 对象，含服务器地址与令牌；令牌只显示这一次。
Prints one JSON object {"server", "device_id", "token"}; the token is told this once.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import httpx

from deploy.embedded.private import write_private


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    enrol = what.add_parser("enrol", help="用注册码换取令牌 / spend the code, get the token")
    enrol.add_argument("--server", required=True, metavar="URL", help="服务器网址 / the server")
    enrol.add_argument("--code", required=True, help="一次性注册码 / one-time code")
    enrol.add_argument(
        "--save", type=Path, metavar="FILE", help="另存为仅本人可读的文件 / keep it, owner only"
    )


def run(chosen: argparse.Namespace) -> int:
    try:
        answer = httpx.post(
            f"{chosen.server.rstrip('/')}/api/device/enrol", json={"code": chosen.code}, timeout=30
        )
    except httpx.HTTPError as error:
        print(f"连不上服务器 / no answer from {chosen.server}: {error}", file=sys.stderr)
        return 3
    if answer.status_code != httpx.codes.CREATED:
        print(f"注册被拒绝 / refused: {answer.text}", file=sys.stderr)
        return 1
    enrolment = {**answer.json(), "server": chosen.server.rstrip("/")}
    text = json.dumps(enrolment, ensure_ascii=False)
    if chosen.save:
        write_private(chosen.save, text + "\n")
    print(text)
    return 0
