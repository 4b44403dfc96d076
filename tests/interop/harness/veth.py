"""A real link for a test: a veth pair whose far end sits in a network namespace, so that only the test uses it."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

from . import leave_out

SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1

# Sends datagrams to an address; run inside the far namespace.
SEND = """
import socket, sys
address, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(count):
    out.sendto(bytes(size), (address, 9))
"""


def _ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Veth:
    """A pair `<name>` here and `<name>p` in namespace `<name>ns`, addressed and up."""

    def __init__(self, name, subnet):
        self.name, self.far, self.namespace = name, f"{name}p", f"{name}ns"
        self.here, self.there = f"{subnet}.1", f"{subnet}.2"

    def __enter__(self):
        if os.geteuid() != 0:
            leave_out("needs root to make a veth pair")
        if not shutil.which("ip"):
            leave_out("needs the ip command (iproute2)")
        try:
            _ip("netns", "add", self.namespace)
        except OSError as error:
            leave_out(f"needs the right to make network namespaces: {error}")
        try:
            self._make()
        except OSError as error:
            self.__exit__()
            leave_out(f"needs the right to make a veth pair: {error}")
        return self

    def _make(self):
        _ip("link", "add", self.name, "type", "veth", "peer", "name", self.far)
        # Without IPv6 addresses there is no neighbour discovery: every packet on the link is one of the test.
        for end in (self.name, self.far):
            _ip("link", "set", end, "addrgenmode", "none")
        _ip("link", "set", self.far, "netns", self.namespace)
        _ip("addr", "add", f"{self.here}/30", "dev", self.name)
        _ip("-n", self.namespace, "addr", "add", f"{self.there}/30", "dev", self.far)
        _ip("link", "set", self.name, "up")
        _ip("-n", self.namespace, "link", "set", self.far, "up")

    def __exit__(self, *_):
        for words in (("link", "del", self.name), ("netns", "del", self.namespace)):
            subprocess.run(["ip", *words], capture_output=True)

    def set_up(self, up):
        """Changes the flag by ioctl: no process start stands between a measurement and the change."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            request = struct.pack("16sH14x", self.name.encode(), 0)
            (flags,) = struct.unpack_from("H", fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)
            flags = flags | IFF_UP if up else flags & ~IFF_UP
            fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", self.name.encode(), flags))

    def traffic(self, count=200, size=400):
        """Sends `count` datagrams from the far end to the near one."""
        command = ["ip", "netns", "exec", self.namespace, sys.executable, "-c", SEND]
        subprocess.run([*command, self.here, str(count), str(size)], check=True, capture_output=True)

    def counter(self, name):
        return int(Path(f"/sys/class/net/{self.name}/statistics/{name}").read_text())
