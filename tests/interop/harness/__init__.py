"""What the cases stand on: the daemon as a process, its clients, and the machine's network interfaces.

Nothing here knows a case; nothing here reaches into the daemon other than by its ports, files, log and signals.
"""

import os
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def leave_out(reason):
    """Skips a case, visibly; under CI nothing may be left out, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"left out, which CI=true forbids: {reason}")
    pytest.skip(reason)


def eventually(check, timeout=5.0, interval=0.02):
    """Calls `check` until it returns something true, and returns that; its last failed assertion ends the wait."""
    deadline = time.monotonic() + timeout
    while True:
        failure = None
        try:
            result = check()
            if result:
                return result
        except AssertionError as error:
            failure = error
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {timeout} s")
        time.sleep(interval)
