"""核验安全清除回执 / check a safe-to-clear receipt against a file

回执证明服务器从存储中回读过这些字节；核验文件的长度、SHA-256 与签名，可离线进行。
A receipt proves that the server read these bytes back from its store. Checks length, SHA-256 and
the signature; with --key it needs no network.

例 / examples:
  quanji receipt verify VIDEO.mp4 receipt.json --server http://192.0.2.10:8600
  quanji receipt verify VIDEO.mp4 receipt.json --key quanji-receipts.json

RECEIPT 是回执 JSON，或 `GET /api/device/recordings/{id}` 的整个答复；--key 是服务器公布的
/.well-known/quanji-receipts.json。
RECEIPT is the receipt's JSON or the whole answer of `GET /api/device/recordings/{id}`; --key a copy
of the server's /.well-known/quanji-receipts.json.
退出码 / exit codes: 0 有效 valid · 1 无效 not valid · 2 无法核验 can't be checked
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import httpx

from media.receipts import BadReceipt, Receipt, check_receipt, read_keys
from mobile_api.dock.client import digest_file
from mobile_api.dock.runner import KEYS


def arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    verify = what.add_parser("verify", help="核验 / check")
    verify.add_argument("file", type=Path, metavar="FILE", help="音像文件 / the recording")
    verify.add_argument("receipt", type=Path, metavar="RECEIPT", help="回执 / its receipt")
    whose = verify.add_mutually_exclusive_group(required=True)
    whose.add_argument("--key", type=Path, metavar="F", help="公钥文件 / the published keys")
    whose.add_argument("--server", metavar="URL", help="向服务器取公钥 / fetch them from it")


def run(chosen: argparse.Namespace) -> int:
    try:
        document = json.loads(chosen.receipt.read_text("utf-8"))
        keys = read_keys(_published(chosen))
        held = digest_file(chosen.file)
    except (OSError, ValueError, httpx.HTTPError) as e:
        print(f"无法核验 / can't be checked: {e}", file=sys.stderr)
        return 2
    try:
        receipt = check_receipt(document.get("receipt") or document, keys)
        _same(receipt, held.sha256, held.size)
    except BadReceipt as e:
        print(f"无效 / not valid: {e}", file=sys.stderr)
        return 1
    print(f"有效 / valid: {receipt.sha256}  {receipt.size} B  {receipt.verified_at.isoformat()}")
    return 0


def _published(chosen: argparse.Namespace) -> dict[str, Any]:
    if chosen.key is not None:
        published: dict[str, Any] = json.loads(chosen.key.read_text("utf-8"))
        return published
    answer = httpx.get(f"{chosen.server.rstrip('/')}{KEYS}", timeout=30)
    answer.raise_for_status()
    fetched: dict[str, Any] = answer.json()
    return fetched


def _same(receipt: Receipt, sha256: str, size: int) -> None:
    if receipt.size != size:
        raise BadReceipt(f"the file has {size} bytes, the receipt is for {receipt.size}")
    if receipt.sha256 != sha256:
        raise BadReceipt(f"the file's SHA-256 is {sha256}, the receipt is for {receipt.sha256}")
