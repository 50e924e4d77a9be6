"""Stands for a library that reports home: Python loads it into the server, where SIGUSR1 makes it try."""

import contextlib
import signal
import threading
import urllib.request

OUTSIDE = "http://192.0.2.1/"  # TEST-NET-1 (RFC 5737): nobody is there


def _report_home() -> None:
    with contextlib.suppress(Exception):
        urllib.request.urlopen(OUTSIDE, timeout=2)


signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=_report_home, daemon=True).start())
