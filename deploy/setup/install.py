"""Installs what a lock says into the Python that runs this, with progress and a way to mend.

    python install.py LOCK

Standard library only: nothing is installed yet when it runs.
"""

import re
import subprocess
import sys
from pathlib import Path

MEND = """
安装未完成 / the installation did not finish. 常见原因 / common causes:
  - 网络不通：检查网络或代理后再次执行，已下载的不会重来
    no network: check it or the proxy and run the same again; downloads are kept
  - 该平台没有预编译包：请用 Linux x86_64 或 aarch64，Python 3.11 至 3.14
    no binary package for this platform: use Linux on x86_64 or aarch64, Python 3.11 to 3.14
  - 磁盘空间不足：至少需要 2 GB / no space: 2 GB are needed
"""


def main(lock: Path) -> int:
    total = len(re.findall(r"^[a-z0-9]", lock.read_text(), re.MULTILINE))
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--progress-bar", "off"]
    with subprocess.Popen(
        [*pip, *locked, "-r", str(lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = show(process, total)
    if process.returncode != 0:
        print("".join(said[-15:]) + MEND, file=sys.stderr)
    return process.returncode


def show(process: subprocess.Popen[str], total: int) -> list[str]:
    """One line that counts the packages, on a terminal; a few lines elsewhere."""
    said: list[str] = []
    count = 0
    for line in process.stdout or ():
        said.append(line)
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            count += 1
            tell(f"  [{min(count, total)}/{total}] {package(line)}", count)
        elif line.startswith("Installing collected"):
            tell("  正在解包 / unpacking…", 0)
    if sys.stdout.isatty():
        print()
    return said


def package(line: str) -> str:
    return (
        line.removeprefix("Collecting ").removeprefix("Requirement already satisfied: ").split()[0]
    )


def tell(line: str, count: int) -> None:
    if sys.stdout.isatty():
        print(f"\r\033[K{line[:78]}", end="", flush=True)
    elif count % 20 == 0:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
