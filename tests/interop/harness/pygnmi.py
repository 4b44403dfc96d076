"""pygnmi: its console program as a subprocess, and the arguments of its client class."""

import subprocess
import sys
import tempfile
from pathlib import Path


def cli(target, *arguments, timeout=30):
    """Runs `pygnmicli` as admin in plaintext; returns its output, after checking that it succeeded."""
    program = Path(sys.executable).with_name("pygnmicli")
    # It writes a log directory wherever it stands.
    with tempfile.TemporaryDirectory() as scratch:
        finished = subprocess.run(
            [program, "-t", target, "-u", "admin", "-p", "admin", "-i", *arguments],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def client_arguments(daemon):
    return {
        "target": ("127.0.0.1", daemon.port),
        "username": "admin",
        "password": "admin",
        "insecure": True,
    }
