"""The daemon as a process: started on a free loopback port, watched through its log, ended by signals."""

import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import REPOSITORY

START_SECONDS = 30
STOP_SECONDS = 10


def binary():
    """The daemon under test."""
    named = os.environ.get("GANYMEDE")
    if not named:
        raise RuntimeError("GANYMEDE does not name a binary; run the suite with `make interop`")
    return named


def free_port():
    """A port below those that the kernel gives to outgoing connections, so that it is still free after a restart."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 20000 and 32000")


def lab_config(name, data_dir, port, sim_ports=4, extra=""):
    """The shipped lab file `name` with its own data directory, port and number of simulated ports, and `extra`."""
    text = (REPOSITORY / "config" / name).read_text()
    lines = []
    for line in text.splitlines():
        key = line.split("=")[0].strip()
        if key == "data-dir":
            line = f'data-dir = "{data_dir}"'
        elif key == "address":
            line = f"{line}\nport = {port}"
        elif key == "port":
            continue
        elif key == "ports":
            line = f"ports = {sim_ports}"
        lines.append(line)
    return "\n".join(lines) + "\n" + extra


class Daemon:
    """One daemon and its directory. Starting it again keeps port and data."""

    def __init__(self, directory, name="lab.toml", sim_ports=4, extra="", data_dir=None, prefix=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.data_dir = data_dir or self.directory / "data"
        self.prefix = prefix
        self.config = self.directory / name
        self.config.write_text(lab_config(name, self.data_dir, self.port, sim_ports, extra))
        self.log_file = self.directory / "log"
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def certificate(self):
        """The self-signed certificate that a TLS lab makes on its first start."""
        return self.data_dir / "tls" / "ca.pem"

    @property
    def security_log(self):
        return (self.data_dir / "security.log").read_text()

    @property
    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self):
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._accepts():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode} at start:\n{self.log}")
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"did not listen within {START_SECONDS} s:\n{self.log}")
            time.sleep(0.02)
        return self

    def _command(self):
        return [*self.prefix, binary(), "run", "--config", self.config]

    def _accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def terminate(self):
        """SIGTERM; returns the exit code. A daemon that does not end in time is a failure."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_SECONDS)

    def hang_up(self):
        """SIGHUP: the daemon reads its file again."""
        self.process.send_signal(signal.SIGHUP)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def assert_no_panic(self):
        lines = [line for line in self.log.splitlines() if "panicked" in line]
        assert not lines, f"panic in the daemon's log: {lines}"

    def sessions(self):
        """How many TCP connections the daemon's port has, as the kernel sees it."""
        port = f"{self.port:04X}"
        count = 0
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for row in Path(table).read_text().splitlines()[1:]:
                _, local, _, state = row.split()[:4]
                count += local.endswith(f":{port}") and state == "01"
        return count
