"""Many elements in one process: each answers on its own port with its own name, and what is set in one stays there."""

import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import eventually
from harness.daemon import binary, lab_config
from harness.gnmic import Gnmic

TARGETS = 20
# Memory that one more element may take. A hundred fit into 1 GB together with the models, which they share.
KIB_EACH = 9 * 1024


def free_run(count):
    """The first port of a run that nobody uses."""
    # Cases run beside each other.
    for first in random.sample(range(20_000, 32_000 - count), 100):
        sockets = []
        try:
            for port in range(first, first + count):
                probe = socket.socket()
                sockets.append(probe)
                probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()
    raise RuntimeError(f"no {count} free ports in a row")


def rss_kib(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def start(directory, targets):
    directory.mkdir()
    template = directory / "fleet.toml"
    template.write_text(lab_config("lab.toml", directory / "data", 0, sim_ports=4))
    port = free_run(targets)
    command = [binary(), "simulate", "--targets", str(targets), "--template", template, "--port", str(port)]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    lines = [process.stdout.readline().split() for _ in range(targets)]
    return process, port, dict(lines)


@pytest.fixture
def fleet(tmp_path):
    process, port, addresses = start(tmp_path / "fleet", TARGETS)
    yield process, port, addresses
    if process.poll() is None:
        process.kill()
    process.wait()


def test_every_element_is_one_of_its_own(fleet):
    process, port, addresses = fleet
    assert list(addresses.values()) == [f"127.0.0.1:{port + index}" for index in range(TARGETS)]
    for name, address in addresses.items():
        client = Gnmic(address, "--insecure")
        assert name in client("get", "--path", "/configure/system/name").ok().out
    first, second = (Gnmic(address, "--insecure") for address in list(addresses.values())[:2])
    first("set", "--update-path", "/configure/system/location", "--update-value", "here").ok()
    assert "here" in first("get", "--path", "/configure/system/location").ok().out
    second("get", "--path", "/configure/system/location").refused("NotFound")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_a_template_is_read_again_by_every_element(fleet, tmp_path):
    process, _, addresses = fleet
    template, log = tmp_path / "fleet" / "fleet.toml", tmp_path / "fleet" / "log"
    clients = {name: Gnmic(address, "--insecure") for name, address in list(addresses.items())[:3]}
    template.write_text(template.read_text().replace("[configure.system]", '[configure.system]\nlocation = "rack {n}"'))
    process.send_signal(signal.SIGHUP)
    for number, (name, client) in enumerate(clients.items(), 1):
        location = f'"rack {number}"'
        eventually(lambda: location in client("get", "--path", "/configure/system/location").out, timeout=60)
        assert name in client("get", "--path", "/configure/system/name").ok().out
    # Each says whose log it is; the ports are where they were.
    eventually(lambda: log.read_text().count("file read again") == TARGETS, timeout=60)
    lines = [line for line in log.read_text().splitlines() if "file read again" in line]
    assert all(any(f'element="{name}"' in line for line in lines) for name in addresses)

    template.write_text("nonsense = 1\n")
    process.send_signal(signal.SIGHUP)
    eventually(lambda: log.read_text().count("reload refused") == TARGETS, timeout=60)
    assert all("rack" in client("get", "--path", "/configure/system/location").ok().out for client in clients.values())


def test_elements_share_what_is_the_same(tmp_path):
    sizes = {}
    for targets in (1, TARGETS + 1):
        process, _, _ = start(tmp_path / str(targets), targets)
        time.sleep(1)
        sizes[targets] = rss_kib(process)
        process.terminate()
        assert process.wait(timeout=20) == 0
    each = (sizes[TARGETS + 1] - sizes[1]) / TARGETS
    assert each < KIB_EACH, f"{each} KiB for one more element: {sizes}"
