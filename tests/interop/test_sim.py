"""The simulated platform beside the Linux one: counters that advance, and a link that a Set takes down."""

import pytest

from harness import eventually
from harness.wire import leaves, subscription


@pytest.fixture
def port(client):
    """A simulated port: one whose interface is called so."""
    names = client.find("/state/port[port-id=*]/linux/interface-name")
    simulated = sorted(where.removesuffix("/linux/interface-name") for where in names if names[where].startswith("sim-"))
    assert len(simulated) == 4
    return simulated[0]


def test_counters_advance(client, port):
    first = int(client.read(f"{port}/statistics/in-octets"))
    eventually(lambda: int(client.read(f"{port}/statistics/in-octets")) > first, timeout=5)


def test_admin_state_toggles_the_link(client, port):
    # OCH-018
    configured = port.replace("/state/", "/configure/", 1) + "/admin-state"
    oper = f"{port}/oper-state"
    client.set(update=[(configured, "enable")])
    eventually(lambda: client.read(oper) == "up")
    stream = client.subscribe(subscription(oper, mode="ON_CHANGE"), mode="STREAM")
    assert leaves(*stream.until_sync()) == [(oper, "up")]
    for wanted, admin in (("down", "disable"), ("up", "enable")):
        client.set(update=[(configured, admin)])
        assert leaves(stream.next(timeout=2)) == [(oper, wanted)]
