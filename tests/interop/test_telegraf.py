"""Telegraf's gNMI input with the shipped configuration: names, tags and values of what it collects."""

import itertools

import pytest

from harness import eventually
from harness.telegraf import Telegraf, shipped
from harness.wire import SECOND, Connection

LOCATION = "/configure/system/location"
SIM_PORTS = {f"2/1/{number}" for number in (1, 2, 3, 4)}


def at(port):
    """Picks the metrics of one port."""
    return lambda metric: metric["tags"].get("port_id") == port


@pytest.fixture
def sim_port(client):
    """A simulated port and the name of its interface."""
    names = client.find("/state/port[port-id=*]/linux/interface-name")
    return next((where.split("port-id=")[1].split("]")[0], name) for where, name in names.items() if name == "sim-2")


def test_sample_and_on_change(daemon, client, sim_port, location, tmp_path):
    # SUB-014 SUB-026 PATH-044 ENC-026
    port, interface = sim_port
    location("before")
    with Telegraf(tmp_path, shipped(daemon.address)) as telegraf:
        samples = telegraf.wait("port_statistics", at(port), count=4)
        assert {tuple(sorted(each["tags"].items())) for each in samples} == {
            (
                ("interface/interface_name", interface),
                ("path", "/state/port/statistics"),
                ("port_id", port),
                ("source", "127.0.0.1"),
            )
        }
        stamps = [each["timestamp"] for each in samples]
        assert all(abs(b - a - SECOND) < SECOND / 4 for a, b in itertools.pairwise(stamps)), stamps
        octets = [each["fields"]["in_octets"] for each in samples]
        assert all(isinstance(each, int) for each in octets), "PROTO carries numbers"
        assert octets == sorted(octets) and octets[0] < octets[-1] <= int(read_octets(client, port))
        assert ports(telegraf.metrics("port_statistics")) == SIM_PORTS

        (state,) = telegraf.metrics("port_state", at(port))
        assert state["fields"] == {"oper_state": "up"}
        admin = f"/configure/port[port-id={port}]/admin-state"
        for wanted, number in (("disable", 2), ("enable", 3)):
            client.set(update=[(admin, wanted)])
            telegraf.wait("port_state", at(port), count=number)
        states = telegraf.metrics("port_state", at(port))
        assert [each["fields"]["oper_state"] for each in states] == ["up", "down", "up"]
        openconfig = telegraf.metrics("interface_state", lambda metric: metric["tags"]["name"] == interface)
        assert [each["fields"]["oper_status"] for each in openconfig] == ["UP", "DOWN", "UP"]

        location("after")
        telegraf.wait("place", count=2)
        places = telegraf.metrics("place")
        assert [each["fields"] for each in places] == [{"location": "before"}, {"location": "after"}]
        assert all(each["tags"]["path"] == "/configure/system" for each in places)
        assert "E!" not in telegraf.log, telegraf.log


def read_octets(client, port):
    return client.read(f"/state/port[port-id={port}]/statistics/in-octets")


def ports(metrics):
    """Simulated ports; those of the machine come and go with other cases."""
    return {each["tags"]["port_id"] for each in metrics if each["tags"]["port_id"].startswith("2/")}


@pytest.mark.parametrize("encoding, kind", [("json", str), ("json_ietf", str), ("proto", int)])
def test_encodings(daemon, client, sim_port, tmp_path, encoding, kind):
    # ENC-051
    port, _ = sim_port
    with Telegraf(tmp_path, shipped(daemon.address, encoding=encoding)) as telegraf:
        (first, *_) = telegraf.wait("port_statistics", at(port))
        assert isinstance(first["fields"]["in_octets"], kind)
        assert int(first["fields"]["in_octets"]) <= int(read_octets(client, port))
        states = telegraf.wait("port_state", at(port))
        assert states[0]["fields"] == {"oper_state": "up"}


def test_over_tls(tls_daemon, tmp_path):
    # TLS-001
    inputs = shipped(tls_daemon.address, ca=tls_daemon.certificate)
    with Connection(tls_daemon.address, ca=tls_daemon.certificate) as client, Telegraf(tmp_path, inputs) as telegraf:
        client.set(update=[(LOCATION, "before")])
        telegraf.wait("port_statistics", at("2/1/1"), count=2)
        assert ports(telegraf.metrics("port_statistics")) == SIM_PORTS
        client.set(update=[(LOCATION, "after")])
        telegraf.wait("place", lambda metric: metric["fields"] == {"location": "after"})
        assert "E!" not in telegraf.log, telegraf.log


def test_an_authority_unknown_to_telegraf(tls_daemon, new_daemon, tmp_path):
    # TLS-013
    stranger = new_daemon(name="lab-tls.toml")
    with Telegraf(tmp_path, shipped(tls_daemon.address, ca=stranger.certificate)) as telegraf:
        eventually(lambda: "unknown authority" in telegraf.log, timeout=10)
        assert telegraf.metrics("port_statistics") == []


def test_comes_back_after_a_restart(new_daemon, tmp_path):
    # TLS-028
    daemon = new_daemon()
    with Telegraf(tmp_path, shipped(daemon.address)) as telegraf:
        telegraf.wait("port_statistics", at("2/1/1"))
        assert daemon.terminate() == 0
        eventually(lambda: "aborted gNMI subscription" in telegraf.log or "E!" in telegraf.log, timeout=5)
        seen = len(telegraf.metrics("port_statistics"))
        daemon.start()
        with Connection(daemon.address) as client:
            client.set(update=[(LOCATION, "back")])
        telegraf.wait("port_statistics", count=seen + 1)
        telegraf.wait("place", lambda metric: metric["fields"] == {"location": "back"})
