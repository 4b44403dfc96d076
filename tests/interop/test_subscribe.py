"""Subscribe: what all modes share, ONCE and POLL."""

import grpc
import pytest

from harness import pygnmi
from harness.gnmic import is_sync
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import SECOND, assert_refusal, leaves, messages, path, subscription

LOCATION = "/configure/system/location"
NAME = "/configure/system/name"


def test_case_05_once(gnmic, location):
    # SUB-016 SUB-029
    location("zurich")
    finished = gnmic("sub", "--path", LOCATION, "--mode", "once").ok()
    assert finished.seconds < 2
    *updates, last = finished.documents
    assert is_sync(last)
    assert gnmic_leaves(*updates) == [(LOCATION, "zurich")]


def test_case_05_once_of_a_tree(client):
    # SUB-012 SUB-013 SUB-016 SUB-018 SUB-040 SUB-049 PATH-007
    notifications = client.once("/configure/system")
    found = leaves(*notifications)
    assert len(found) == len(dict(found)), "a path was sent twice"
    assert dict(found)[NAME] == "ganymede-lab"
    assert dict(found)["/configure/system/grpc/max-msg-size"] == 512, "a default in use is reported"
    assert not any(isinstance(value, (dict,)) for _, value in found)


def test_case_05_once_without_data(client):
    # SUB-008 SUB-017
    assert client.once("/configure/router[router-name=Base]/interface[interface-name=none]") == []


def test_case_05_once_ignores_modes_and_intervals(client):
    # SUB-019
    odd = subscription(NAME, mode="SAMPLE", sample_interval=1)
    assert leaves(*client.once(odd)) == [(NAME, "ganymede-lab")]


@pytest.mark.parametrize("mode", ["ONCE", "POLL", "STREAM"])
def test_case_13_unknown_path_in_a_subscription(client, mode):
    # SUB-046 SUB-047
    stream = client.subscribe(NAME, "/configure/bogus", mode=mode)
    assert stream.arrival() is None, "nothing is sent before the refusal"
    assert_refusal(
        *stream.end(), grpc.StatusCode.INVALID_ARGUMENT, "MGMT_CORE #2201: /configure/bogus - Unknown element"
    )
    client.capabilities()


def test_case_20_proto_scalars(gnmic, client):
    # ENC-001 ENC-009 ENC-021 ENC-026 ENC-027 ENC-035
    said = (
        gnmic("-e", "proto", "sub", "--mode", "once", "--path", "/state/system/up-time", "--format", "prototext")
        .ok()
        .out
    )
    assert "uint_val" in said or "int_val" in said
    assert "json" not in said
    kinds = {}
    client.set(update=[("/configure/system/location", "zurich")])
    for notification in client.once("/configure/system", encoding="PROTO"):
        for update in notification.update:
            kinds[update.path.elem[-1].name] = update.val.WhichOneof("value")
    assert kinds["location"] == "string_val"
    assert kinds["max-msg-size"] == "uint_val"
    assert kinds["listening-port"] == "int_val"
    assert kinds["auto-config-save"] == "bool_val"
    assert kinds["proto-version"] == "string_val"
    assert kinds["allow-unsecure-connection"] == "bool_val"
    assert kinds["member"] == "leaflist_val"


def test_case_28_target_in_every_notification(gnmic, client):
    # PATH-041 SUB-027
    notifications = client.once("/configure/system", prefix=messages().Path(target="sr1"))
    assert notifications and all(each.prefix.target == "sr1" for each in notifications)
    assert all(each.prefix.target == "" for each in client.once("/configure/system"))
    said = gnmic("sub", "--mode", "once", "--target", "sr1", "--path", NAME, "--format", "prototext").ok().out
    assert "sr1" in said


def test_case_31_once_through_pygnmi(daemon):
    # SUB-016 SUB-048
    said = pygnmi.cli(daemon.address, "-o", "subscribe-once", "-x", "/state/system")
    assert "up-time" in said


@pytest.mark.parametrize("mode", ["ONCE", "STREAM"])
def test_case_32_same_path_twice(client, mode):
    # SUB-005 SUB-006
    m = messages()
    for again in (
        path(NAME),
        m.Path(element=["configure", "system", "name"]),
        path("/nokia-conf:configure/system/name"),
    ):
        stream = client.subscribe(NAME, subscription(again), mode=mode)
        assert stream.arrival() is None
        assert_refusal(*stream.end(), grpc.StatusCode.INVALID_ARGUMENT, NAME)
    client.capabilities()


def test_case_32_through_gnmic(gnmic):
    # SUB-005
    gnmic("sub", "--mode", "once", "--path", NAME, "--path", NAME).refused("InvalidArgument", NAME)


def test_case_32_absent_keys_equal_wildcards(client):
    # SUB-006 SUB-007
    stream = client.subscribe("/state/port/oper-state", "/state/port[port-id=*]/oper-state", mode="ONCE")
    assert_refusal(*stream.end(), grpc.StatusCode.INVALID_ARGUMENT, "/state/port")
    client.once("/state/port/oper-state", "/state/port")


def test_case_34_mixed_keys(gnmic, client, refused):
    # PATH-022 PATH-023 PATH-024
    routes = "/configure/router[router-name=Base]/static-routes/route"
    mixed = f"{routes}[ip-prefix=10.0.0.0/8][route-type=*]"
    gnmic("sub", "--mode", "once", "--path", mixed).refused("InvalidArgument", "route")
    for wrong in (mixed, f"{routes}[ip-prefix=10.0.0.0/8]"):
        stream = client.subscribe(wrong, mode="STREAM")
        assert_refusal(*stream.end(), grpc.StatusCode.INVALID_ARGUMENT, "route-type")
        refused(lambda: client.get(wrong), grpc.StatusCode.INVALID_ARGUMENT, "route-type")
    client.once(f"{routes}[ip-prefix=*][route-type=*]", f"{routes}[ip-prefix=10.0.0.0/8][route-type=unicast]")
    client.once("/configure/router[router-name=*]/interface[interface-name=x]")


def test_case_39_poll(client, location):
    # SUB-021 SUB-023
    m = messages()
    location("first")
    stream = client.subscribe(LOCATION, mode="POLL")
    assert leaves(*stream.until_sync()) == [(LOCATION, "first")]
    for round_ in range(3):
        wanted = location(f"round {round_}")
        stream.silent(0.2)
        stream.send(m.SubscribeRequest(poll=m.Poll()))
        assert leaves(*stream.until_sync()) == [(LOCATION, wanted)]
    stream.half_close()
    assert stream.end()[0] == grpc.StatusCode.OK


@pytest.mark.parametrize("mode", ["STREAM", "POLL"])
def test_case_39_a_second_list(client, mode):
    # SUB-004
    m = messages()
    other = client.subscribe(NAME, mode="STREAM")
    other.until_sync()
    stream = client.subscribe(LOCATION, mode=mode)
    stream.until_sync()
    stream.send(m.SubscribeRequest(subscribe=m.SubscriptionList(subscription=[m.Subscription(path=path(NAME))])))
    assert_refusal(*stream.end(), grpc.StatusCode.INVALID_ARGUMENT)
    client.set(update=[(NAME, "ganymede-other")])
    assert leaves(other.next()) == [(NAME, "ganymede-other")]
    client.set(update=[(NAME, "ganymede-lab")])


def test_case_39_order_of_messages(client):
    # SUB-002 SUB-003 SUB-022
    m = messages()
    poll = m.SubscribeRequest(poll=m.Poll())
    for first in (poll, m.SubscribeRequest(), m.SubscribeRequest(subscribe=m.SubscriptionList())):
        assert_refusal(*client.stream(first).end(), grpc.StatusCode.INVALID_ARGUMENT)
    stream = client.subscribe(NAME, mode="STREAM")
    stream.until_sync()
    stream.send(poll)
    assert_refusal(*stream.end(), grpc.StatusCode.INVALID_ARGUMENT)
    client.capabilities()


def test_case_39_updates_only(client):
    # SUB-024
    m = messages()
    assert client.once(NAME, updates_only=True) == []
    stream = client.subscribe(NAME, mode="POLL", updates_only=True)
    assert stream.until_sync() == []
    stream.send(m.SubscribeRequest(poll=m.Poll()))
    assert stream.until_sync() == []


def test_case_40_wildcards(client):
    # PATH-016 PATH-017 PATH-026
    found = dict(leaves(*client.once("/state/card/.../oper-state")))
    assert found == client.find("/state/card/.../oper-state")
    assert dict(leaves(*client.once("/state/card/*/oper-state"))) == client.find("/state/card/*/oper-state")


def test_case_51_depth_in_a_subscription(gnmic, client):
    # EXT-004 EXT-006
    m = messages()
    depth = m.Extension(depth=m.Depth(level=1))
    stream = client.subscribe("/configure/system", mode="ONCE", extension=[depth])
    found = dict(leaves(*stream.until_sync()))
    assert found[NAME] == "ganymede-lab"
    assert all(each.count("/") == 3 for each in found), found
    gnmic("sub", "--mode", "once", "--depth", "1", "--path", "/configure/system").ok()


def test_case_51_history_is_refused(gnmic, client):
    # EXT-029
    m = messages()
    for mode, request in (("ONCE", m.History(snapshot_time=SECOND)), ("STREAM", m.History(range=m.TimeRange(end=1)))):
        stream = client.subscribe(NAME, mode=mode, extension=[m.Extension(history=request)])
        assert_refusal(*stream.end(), grpc.StatusCode.UNIMPLEMENTED)
    gnmic("sub", "--mode", "once", "--path", NAME, "--history-snapshot", "2026-01-01T00:00:00Z").refused(
        "Unimplemented"
    )
