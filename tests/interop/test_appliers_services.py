"""Host name, resolver and time servers of a Linux machine, from configuration. Each case has a machine of its own."""

import os
import shutil
import stat
import subprocess

import pytest

from harness import REPOSITORY, eventually, leave_out
from harness.box import Box, failures, run
from harness.gnmic import Gnmic

NAME = "/configure/system/name"
DNS = "/system/dns"
NTP = "/configure/system/time/ntp"
HEADER = "# Written by ganymede"

CHRONY_CONF = """
pool 2.debian.pool.ntp.org iburst
sourcedir /run/chrony-dhcp
sourcedir /etc/chrony/sources.d
confdir /etc/chrony/conf.d
"""


@pytest.fixture
def box(tmp_path, worker_id):
    """Makes boxes that only this case uses; they vanish with it."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    made = []

    def make(*names, **fields):
        box = Box(tmp_path / f"box{len(made)}", number, names, **fields)
        made.append(box)
        return box.__enter__()

    yield make
    for box in made:
        box.__exit__()


@pytest.fixture
def etc(tmp_path):
    """A copy of /etc that stands in its place for the daemon of a box, and programs that write down how they were called."""
    etc, bin_, calls = (tmp_path / name for name in ("etc", "bin", "calls"))
    shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True, ignore=shutil.ignore_patterns("chrony*"))
    bin_.mkdir()
    calls.write_text("")
    for name in ("chronyc", "systemctl"):
        program = bin_ / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{calls}\n[ ! -e {tmp_path}/broken ] || {{ echo no >&2; exit 1; }}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    class Etc:
        path = etc
        broken = tmp_path / "broken"
        mount = f'mount --bind {etc} /etc && PATH={bin_}:$PATH exec "$@"'
        wrap = ("unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh")

        @staticmethod
        def calls():
            return calls.read_text().splitlines()

    return Etc


def test_the_host_name_follows(box):
    box = box("hostname")
    eventually(lambda: box.hostname() == "ganymede-lab")
    gnmic = Gnmic(box.address, "--insecure")
    gnmic("set", "--update-path", NAME, "--update-value", "pe1.lab").ok()
    eventually(lambda: box.hostname() == "pe1.lab")
    with box.connection() as client:
        eventually(lambda: client.read("/state/system/oper-name") == "pe1.lab", timeout=10)
        client.set(update=[(NAME, "no host name")])
        eventually(lambda: "host name" in failures(client).get(NAME, ""))
        assert box.hostname() != "no host name"
        client.set(delete=[NAME], update=[("/system/config/hostname", "pe2")])
        eventually(lambda: box.hostname() == "pe2" and failures(client) == {})
        # Nobody tells of a change of the host name: it is looked at.
        subprocess.run(["nsenter", "--target", str(box.process.pid), "--uts", "hostname", "by-hand"], check=True)
        eventually(lambda: box.hostname() == "pe2", timeout=10)
        client.set(delete=["/system/config/hostname"])
        eventually(lambda: box.hostname() == os.uname().nodename)


def test_the_resolver_follows_and_gets_its_file_back(box, tmp_path):
    file = tmp_path / "resolv.conf"
    before = "# by the administrator\nnameserver 198.51.100.53\nsearch old.example\noptions timeout:1\n"
    file.write_text(before)
    box = box("dns", keys=f'resolv-conf = "{file}"')
    servers = [f"{DNS}/servers/server[address={address}]" for address in ("192.0.2.53", "2001:db8::53", "192.0.2.54")]
    with box.connection() as client:
        assert file.read_text() == before
        client.set(update=[(f"{server}/config/address", server.split("=")[1][:-1]) for server in servers[:2]])
        wanted = "nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch old.example\noptions timeout:1\n"
        eventually(lambda: file.read_text().startswith(HEADER) and file.read_text().split("\n", 1)[1] == wanted)
        client.set(
            update=[
                (f"{DNS}/config/search", ["a.example", "b.example"]),
                (f"{servers[2]}/config", {"address": "192.0.2.54", "port": 5353}),
            ]
        )
        eventually(lambda: "search a.example b.example\n" in file.read_text() and "old" not in file.read_text())
        eventually(lambda: "5353" in failures(client).get(servers[2], ""))
    box.kill()
    # A DHCP client writes the file while nobody looks.
    file.write_text("nameserver 198.51.100.99\noptions rotate\n")
    box.start()
    eventually(lambda: "192.0.2.53" in file.read_text() and "options rotate" in file.read_text(), timeout=10)
    with box.connection() as client:
        client.set(delete=[DNS])
        eventually(lambda: file.read_text() == "nameserver 198.51.100.99\noptions rotate\n")
        eventually(lambda: failures(client) == {})
        file.unlink()
        file.symlink_to("/somewhere/else")
        client.set(update=[(f"{servers[0]}/config/address", "192.0.2.53")])
        eventually(lambda: "another program" in failures(client).get(DNS, ""))
        assert file.is_symlink()


def test_chrony_is_told(box, etc):
    (etc.path / "chrony" / "sources.d").mkdir(parents=True)
    (etc.path / "chrony" / "chrony.conf").write_text(CHRONY_CONF)
    box = box("ntp", wrap=etc.wrap)
    sources = etc.path / "chrony" / "sources.d" / "ganymede.sources"
    server = f"{NTP}/server[ip-address=192.0.2.123][router-instance=Base]"
    with box.connection() as client:
        client.set(update=[(f"{server}/prefer", True)])
        client.set(update=[(f"{NTP}/admin-state", "enable")])
        eventually(lambda: sources.exists() and sources.read_text().endswith("\nserver 192.0.2.123 prefer\n"))
        eventually(lambda: etc.calls() == ["chronyc reload sources"])
        # A program that does not hear is told again, and until then it is a failure.
        etc.broken.touch()
        client.set(update=[("/system/ntp/config/enabled", True)])
        pool = {"address": "pool.example", "association-type": "POOL", "iburst": True}
        client.set(update=[("/system/ntp/servers/server[address=pool.example]/config", pool)])
        eventually(lambda: sources.read_text().endswith("pool pool.example iburst\n"))
        eventually(lambda: failures(client) == {NTP: "chronyc reload sources: no"})
        etc.broken.unlink()
        eventually(lambda: failures(client) == {}, timeout=15)
        client.set(update=[(f"{NTP}/admin-state", "disable")], delete=["/system/ntp"])
        eventually(lambda: not sources.exists())
    assert sorted(each.name for each in (etc.path / "chrony").rglob("*")) == ["chrony.conf", "sources.d"]


@pytest.fixture
def chrony(etc, tmp_path):
    """A real chronyd in the namespace of a box, and the words that put a daemon beside it. It never touches the clock."""
    path = f"/usr/bin:/usr/sbin:{REPOSITORY}/.tools/chrony/usr/bin:{REPOSITORY}/.tools/chrony/usr/sbin"
    programs = [shutil.which(name, path=path) for name in ("chronyd", "chronyc")]
    if None in programs:
        leave_out("needs chrony: run scripts/setup.sh chrony")
    (etc.path / "chrony" / "sources.d").mkdir(parents=True)
    (etc.path / "chrony" / "chrony.conf").write_text("cmdport 0\nsourcedir /etc/chrony/sources.d\n")
    (tmp_path / "run" / "chrony").mkdir(mode=0o750, parents=True)
    mount = f'mount --bind {etc.path} /etc && mount --bind {tmp_path}/run /run && PATH={path}:$PATH exec "$@"'
    started = []

    class Chrony:
        wrap = ("unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh")

        def __init__(self, box):
            self.inside = ("ip", "netns", "exec", box.box, *self.wrap)
            self.start()

        def start(self):
            words = ("chronyd", "-d", "-x", "-u", "root", "-f", "/etc/chrony/chrony.conf")
            self.process = subprocess.Popen((*self.inside, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started.append(self.process)
            # chronyc says on its standard output, too, that it cannot talk to anybody yet.
            words = (*self.inside, "chronyc", "tracking")
            eventually(lambda: "Reference ID" in run(*words, check=False), timeout=10)

        def stop(self):
            self.process.terminate()
            self.process.wait(10)

        def sources(self):
            """Addresses of the servers that chrony lists."""
            answer = run(*self.inside, "chronyc", "-n", "-c", "sources", check=False)
            listed = [line.split(",") for line in answer.splitlines()]
            # A source that goes while it is being listed makes chronyc say so in its place.
            assert all(len(each) > 2 for each in listed), listed
            return [each[2] for each in listed]

    yield Chrony
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_real_chrony_lists_the_servers(box, chrony):
    box = box("ntp", wrap=chrony.wrap)
    chrony = chrony(box)
    eventually(lambda: chrony.sources() == [])
    server = f"{NTP}/server[ip-address=192.0.2.123][router-instance=Base]"
    other = "/system/ntp/servers/server[address=2001:db8::123]/config"
    gnmic = Gnmic(box.address, "--insecure")
    gnmic("set", "--update-path", f"{server}/prefer", "--update-value", "true",
          "--update-path", f"{NTP}/admin-state", "--update-value", "enable").ok()
    eventually(lambda: chrony.sources() == ["192.0.2.123"])
    with box.connection() as client:
        wanted = {"address": "2001:db8::123", "iburst": True, "port": 1123, "version": 3}
        client.set(update=[(other, wanted), ("/system/ntp/config/enabled", True)])
        eventually(lambda: sorted(chrony.sources()) == ["192.0.2.123", "2001:db8::123"])
        assert failures(client) == {}
        # A chrony that is not there cannot be told, which is a failure until it is back.
        chrony.stop()
        client.set(delete=[server])
        eventually(lambda: "chronyc reload sources" in failures(client).get(NTP, ""))
        chrony.start()
        eventually(lambda: failures(client) == {}, timeout=15)
        eventually(lambda: chrony.sources() == ["2001:db8::123"])
        client.set(delete=["/system/ntp", NTP])
        eventually(lambda: chrony.sources() == [])
        assert failures(client) == {}


def test_timesyncd_is_told(box, etc):
    if not os.path.isdir("/usr/lib/systemd"):
        leave_out("needs the directory /usr/lib/systemd, to put a program there that only the daemon sees")
    installed = "mount -t tmpfs none /usr/lib/systemd && touch /usr/lib/systemd/systemd-timesyncd && "
    box = box("ntp", wrap=(*etc.wrap[:-2], installed + etc.mount, "sh"))
    drop_in = etc.path / "systemd" / "timesyncd.conf.d" / "ganymede.conf"
    with box.connection() as client:
        servers = [f"{NTP}/server[ip-address={ip}][router-instance=Base]" for ip in ("192.0.2.1", "192.0.2.2")]
        client.set(
            update=[(f"{servers[0]}/prefer", False), (f"{servers[1]}/prefer", True), (f"{NTP}/admin-state", "enable")]
        )
        eventually(lambda: drop_in.exists() and drop_in.read_text().endswith("[Time]\nNTP=192.0.2.2 192.0.2.1\n"))
        eventually(lambda: etc.calls() == ["systemctl try-restart systemd-timesyncd.service"])
        client.set(update=[(f"{servers[0]}/version", 3)])
        eventually(lambda: "versions" in failures(client).get(servers[0], ""))
        eventually(lambda: drop_in.read_text().endswith("NTP=192.0.2.2\n"))
        client.set(delete=[NTP])
        eventually(lambda: not drop_in.exists() and failures(client) == {})
