"""pygnmi as its users call it: values of every kind in a Set, each way to subscribe, and what it makes of refusals."""

import pytest
from pygnmi.client import gNMIclient, gNMIException, telemetryParser

from harness import pygnmi
from harness.wire import SECOND

# When its channel is closed, the thread that pygnmi reads with raises.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")

LOCATION = "/configure/system/location"
STATES = "/state/port[port-id=*]/oper-state"


@pytest.fixture
def session(daemon):
    with gNMIclient(**pygnmi.client_arguments(daemon)) as session:
        yield session


def read(session, path):
    (update,) = session.get(path=[path])["notification"][0]["update"]
    return update["val"]


def ports(updates):
    """Simulated ports among the updates of one document, by path from the root."""
    prefix, updates = updates.get("prefix", ""), updates.get("update", [])
    found = {f"{prefix}/{each['path']}": each["val"] for each in updates}
    return {path: state for path, state in found.items() if "port-id=2/" in path}


def test_set(session):
    # SET-034 SET-050
    for path, value, back in (
        ("/configure/system", {"location": "chur"}, None),
        (LOCATION, '"bern"', "bern"),
        ("/configure/system/login-control/login-banner", True, True),
        ("/configure/system/grpc/tcp-keepalive/idle-time", 700, 700),
    ):
        session.set(update=[(path, value)])
        if back is not None:
            assert read(session, path) == back
    entry = "/configure/router[router-name=Base]/interface[interface-name=pygnmi]"
    answer = session.set(delete=[entry], replace=[(entry, {"description": "x"})], update=[(f"{entry}/ip-mtu", 1400)])
    assert [each["op"] for each in answer["response"]] == ["DELETE", "REPLACE", "UPDATE"]
    session.set(
        delete=[entry, "/configure/system/grpc/tcp-keepalive", "/configure/system/login-control/login-banner"],
        encoding="json_ietf",
    )


def test_a_bare_string_is_no_json_and_the_refusal_says_what_to_do(session):
    # SET-032
    with pytest.raises(gNMIException, match="needs quotes"):
        session.set(update=[(LOCATION, "zurich")])
    with pytest.raises(gNMIException, match="Unknown element"):
        session.get(path=["/configure/bogus"])


def test_once_and_stream_of_subscribe2(session):
    # SUB-016
    wanted = {"subscription": [{"path": STATES}], "mode": "once", "encoding": "json"}
    first, *_, last = session.subscribe2(subscribe=wanted)
    assert len(ports(first["update"])) == 4
    assert last == {"sync_response": True}
    wanted = {"path": "/state/system/up-time", "mode": "sample", "sample_interval": SECOND}
    stream = session.subscribe2(subscribe={"subscription": [wanted], "mode": "stream", "encoding": "proto"})
    try:
        times = [next(stream)["update"]["update"][0]["val"] for _ in range(3)]
    finally:
        stream.close()
    assert all(900 < b - a < 1100 for a, b in zip(times, times[1:])), times


def test_poll(session):
    # SUB-021
    session.set(update=[(LOCATION, '"first"')])
    poll = session.subscribe2(subscribe={"subscription": [{"path": LOCATION}], "mode": "poll", "encoding": "json"})
    try:
        # The first call sends a poll and reads the initial values: the answer to a poll is what the next call reads.
        values = [poll.get_update(timeout=5)["update"]["update"][0]["val"]]
        session.set(update=[(LOCATION, '"second"')])
        values += [poll.get_update(timeout=5)["update"]["update"][0]["val"] for _ in range(2)]
    finally:
        poll.close()
    assert values == ["first", "first", "second"]


def test_legacy_subscribe_keeps_the_keys(session):
    # SUB-048
    wanted = {"subscription": [{"path": STATES, "mode": "on_change"}], "mode": "stream", "encoding": "json"}
    found = {}
    for response in session.subscribe(subscribe=wanted):
        document = telemetryParser(response)
        if "sync_response" in document:
            break
        found.update(ports(document["update"]))
    assert sorted(found) == [f"state/port[port-id=2/1/{number}]/oper-state" for number in (1, 2, 3, 4)]
