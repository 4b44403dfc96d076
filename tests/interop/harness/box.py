"""A machine of its own for a daemon that changes it: a network namespace with real links, and its own host name.

    here            box                    far
    gnbNh -- mgmt   eth1 ----------------- far1
                    eth2 ----------------- far2

The daemon runs in the box and is reached over `mgmt`; `far` is the neighbour on the other links. Nothing outside of these
namespaces is changed but the link `gnbNh`.
"""

import errno
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys

from . import leave_out
from .daemon import Daemon, binary, lab_config
from .wire import Connection

LINKS = ("eth1", "eth2")

# Tries to open a connection; run inside the box.
PROBE = """
import socket, sys
probe = socket.socket()
probe.settimeout(1)
try:
    print(probe.connect_ex((sys.argv[1], 9)))
except TimeoutError:
    print(None)
"""


def run(*words, check=True):
    done = subprocess.run(words, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise OSError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


class Box(Daemon):
    """A daemon in a namespace. `number` tells boxes apart, `wrap` are words put before the daemon's command."""

    numbers = itertools.count()

    def __init__(self, directory, worker, appliers, keys="", wrap=(), extra=""):
        if os.geteuid() != 0:
            leave_out("needs root to make a network namespace")
        if not shutil.which("ip"):
            leave_out("needs the ip command (iproute2)")
        super().__init__(directory, sim_ports=0)
        self.worker, self.number = worker, next(self.numbers) % 64
        name = f"gnb{worker}x{self.number}"
        self.here, self.box, self.far = f"{name}h", name, f"{name}far"
        self.wrap = list(wrap)
        self.configure(appliers, keys, extra)

    def configure(self, appliers, keys="", extra=""):
        """Writes the TOML file anew, with these appliers."""
        text = lab_config("lab.toml", self.data_dir, self.port, 0, extra)
        names = ", ".join(f'"{name}"' for name in appliers)
        text = text.replace('address = "127.0.0.1"', 'address = "0.0.0.0"')
        text = text.replace("[platform.linux]\n", f"[platform.linux]\napply = [{names}]\n{keys}\n")
        ports = "".join(f'"1/1/{number}" = "{link}"\n' for number, link in enumerate(LINKS, 1))
        self.config.write_text(text.replace("[platform.linux.ports]\n", f"[platform.linux.ports]\n{ports}"))

    def __enter__(self):
        try:
            run("ip", "netns", "add", self.box)
            run("ip", "netns", "add", self.far)
            self._make()
        except OSError as error:
            self.__exit__()
            leave_out(f"needs the right to make namespaces and links: {error}")
        return self.start()

    def _make(self):
        network = f"198.19.{self.worker}.{{}}/30"
        run("ip", "link", "add", self.here, "type", "veth", "peer", "name", "mgmt", "netns", self.box)
        run("ip", "addr", "add", network.format(4 * self.number + 1), "dev", self.here)
        self.ip("addr", "add", network.format(4 * self.number + 2), "dev", "mgmt")
        for number, link in enumerate(LINKS, 1):
            self.add_link(link, f"far{number}")
        run("ip", "link", "set", self.here, "up")
        for link in ("lo", "mgmt"):
            self.ip("link", "set", link, "up")

    def add_link(self, link, peer):
        """A link to the neighbour, up at both ends, without IPv6 addresses that nobody gave it."""
        self.ip("link", "add", link, "type", "veth", "peer", "name", peer)
        self.ip("link", "set", peer, "netns", self.far)
        self.ip("link", "set", link, "addrgenmode", "none", "up")
        run("ip", "-n", self.far, "link", "set", peer, "addrgenmode", "none", "up")

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            for words in (("link", "del", self.here), ("netns", "del", self.box), ("netns", "del", self.far)):
                run("ip", *words, check=False)
        self.assert_no_panic()

    @property
    def address(self):
        return f"198.19.{self.worker}.{4 * self.number + 2}:{self.port}"

    def _accepts(self):
        with socket.socket() as probe:
            probe.settimeout(1)
            host, port = self.address.split(":")
            return probe.connect_ex((host, int(port))) == 0

    def _command(self):
        inside = ["ip", "netns", "exec", self.box, "unshare", "--uts"]
        return [*inside, *self.wrap, binary(), "run", "--config", self.config]

    def connection(self):
        return Connection(self.address)

    # What the kernel says of the box.

    def ip(self, *words):
        return run("ip", "-n", self.box, *words)

    def shown(self, *words):
        return json.loads(self.ip("-j", *words) or "[]")

    def link(self, name):
        return self.shown("link", "show", "dev", name)[0]

    def is_up(self, name):
        return "UP" in self.link(name)["flags"]

    def addresses(self, name):
        """Addresses with their prefix length in the order of the kernel, without those it made itself."""
        found = self.shown("addr", "show", "dev", name)[0]["addr_info"]
        return [f"{each['local']}/{each['prefixlen']}" for each in found if not each["local"].startswith("fe80")]

    def routes(self, *words, family="-4"):
        """Destination, metric and gateways of the routes in the main table, without those that the kernel made."""
        found = self.shown(family, "route", "show", *words)
        return sorted(
            (each["dst"], each.get("metric", 0), *sorted(hop.get("gateway", "") for hop in each.get("nexthops", [each])))
            for each in found
            if each.get("protocol") != "kernel"
        )

    def hostname(self):
        return run("nsenter", "--target", str(self.process.pid), "--uts", "uname", "-n").strip()

    def reaches(self, address):
        """Whether a neighbour answers: nobody listens there, so its kernel refuses the connection."""
        words = ("ip", "netns", "exec", self.box, sys.executable, "-c", PROBE, address)
        return run(*words, check=False).strip() == str(errno.ECONNREFUSED)


def appliers(client):
    """`oper-state` and, where it is down, the reason of each applier that is on."""
    listed = client.read("/state/system/linux").get("applier", [])
    return {each["name"]: each.get("down-reason", each["oper-state"]) for each in listed}


def failures(client):
    """Reason by path of what is not applied."""
    return {each["path"]: each["reason"] for each in client.read("/state/system/linux").get("failure", [])}
