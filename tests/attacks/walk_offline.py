"""The whole path, from nothing to an answer, to be run where there is no network but loopback. Prints what it saw."""

import contextlib
import fcntl
import json
import signal
import socket
import struct
import sys
import time
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUTSIDE = ("192.0.2.1", 80)  # TEST-NET-1 (RFC 5737)
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x41
RECORD_SECONDS_MAX = 30
QUESTION = "How many annual leave hours can I carry over?"


def bring_up_loopback() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH22x", b"lo", UP_AND_RUNNING))


def refused_by_kernel() -> int:
    """How often anything here, native code included, wanted to send to where no route leads."""
    rows = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:")]
    old = int(dict(zip(*rows, strict=True))["OutNoRoutes"])
    new = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())["Ip6OutNoRoutes"]
    return old + int(new)


def try_outside() -> None:
    with socket.socket() as source, contextlib.suppress(OSError):
        source.connect(OUTSIDE)


def find_tests() -> None:
    """Make our tests importable as `tests`: a dependency installs a package of that name."""
    package = types.ModuleType("tests")
    package.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = package
    sys.path.insert(0, str(ROOT))


def walk(house: Any, documents: Path, password: str) -> dict[str, Any]:
    """Initialise, load, serve, ask on the command line and on the page."""
    house.run("init")
    house.start()
    house.operate("collection.create", name="handbook")
    house.run("collection", "load", "handbook", str(documents))
    house.operate("user.add", name="ada", password=password)
    house.operate("collection.grant", name="handbook", user="ada")
    with house.signed_in("ada") as ada:
        page = ada.chat().ask(QUESTION)
    told = json.loads(house.run("ask", "-c", "handbook", "--as", "ada", "--json", QUESTION))
    return {"page": page, "told": told["answer"]}


def egress_rows(house: Any) -> list[list[str]]:
    return [list(row) for row in house.audit_rows() if row[1] == "egress"]


def report_home(house: Any) -> None:
    """Make the library in the server try, and wait for the record of it."""
    house.process.send_signal(signal.SIGUSR1)
    until = time.monotonic() + RECORD_SECONDS_MAX
    while not egress_rows(house) and time.monotonic() < until:
        time.sleep(0.2)


def main(folder: Path) -> None:
    """Walk, then let a library in the server try to leave."""
    bring_up_loopback()
    find_tests()
    from tests.attacks.whole import Attacked
    from tests.e2e.served import DOCUMENTS, PASSWORD, free_port

    before = refused_by_kernel()
    try_outside()
    seen: dict[str, Any] = {"kernel_sees": refused_by_kernel() - before}
    house = Attacked(folder / "state", free_port(), folder / "serve.log")
    try:
        start = refused_by_kernel()
        seen |= walk(house, DOCUMENTS, PASSWORD)
        seen |= {"kernel": refused_by_kernel() - start, "guard": egress_rows(house)}
        report_home(house)
        seen |= {"kernel_after": refused_by_kernel() - start, "guard_after": egress_rows(house)}
    finally:
        house.stop()
    sys.stdout.write(f"\n{json.dumps(seen)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
