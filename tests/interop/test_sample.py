"""STREAM with SAMPLE: cadence, heartbeats, the shortest interval, clients that half-close."""

import itertools
import time

import grpc
from pygnmi.client import gNMIclient

from harness import pygnmi
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import SECOND, Connection, assert_refusal, deletes, leaves, subscription

LOCATION = "/configure/system/location"
STATISTICS = "/state/port[port-id=*]/statistics"


def sample(given, seconds, **fields):
    return subscription(given, mode="SAMPLE", sample_interval=int(seconds * SECOND), **fields)


def test_case_06_sample_every_ten_seconds(gnmic):
    # SMP-001 SMP-002 SMP-007 SUB-026 SUB-029 PATH-029
    with gnmic.stream("sub", "--path", STATISTICS, "--stream-mode", "sample", "-i", "10s") as stream:
        first = gnmic_leaves(*stream.synced())
        assert first
        assert all("[port-id=" in where and "*" not in where for where, _ in first)
        counter = next(where for where, _ in first if where.endswith("/statistics/in-octets"))
        time.sleep(21)
        after = stream.after_sync()
    stamps = [each["timestamp"] for each in after if counter in dict(gnmic_leaves(each))]
    assert len(stamps) == 2
    assert abs(stamps[1] - stamps[0] - 10 * SECOND) < SECOND


def test_case_06_cadence_of_two_paths(client):
    # SMP-002 SMP-006 SMP-008 SMP-009 SUB-036
    name, location = "/configure/system/name", "/configure/system/location"
    client.set(update=[(location, "steady")])
    stream = client.subscribe(sample(name, 1), sample(location, 2.5), mode="STREAM")
    assert dict(leaves(*stream.until_sync())) == {name: "ganymede-lab", location: "steady"}
    arrived = stream.during(10.4)
    for where, interval in ((name, 1), (location, 2.5)):
        stamps = [each.timestamp for _, each in arrived if where in dict(leaves(each))]
        assert len(stamps) == int(10.4 / interval)
        gaps = [(b - a) / SECOND for a, b in itertools.pairwise(stamps)]
        assert all(abs(gap - interval) < interval / 10 for gap in gaps), gaps


def test_case_30_legacy_pygnmi_half_closes_and_stays(daemon):
    # SUB-048 SUB-054
    wanted = {
        "subscription": [{"path": "/state/system/up-time", "mode": "sample", "sample_interval": 8 * SECOND}],
        "mode": "stream",
        "encoding": "json",
    }
    seen = []
    deadline = time.monotonic() + 25
    with gNMIclient(**pygnmi.client_arguments(daemon)) as legacy:
        for response in legacy.subscribe(subscribe=wanted):
            if response.WhichOneof("response") == "update":
                seen.append(response.update.timestamp)
            if len(seen) == 4 or time.monotonic() > deadline:
                break
    assert len(seen) >= 4, "the first set and three samples"


def test_case_33_interval_below_the_minimum(gnmic, client):
    # SMP-003 TGT-004
    for mode in ("SAMPLE", "TARGET_DEFINED"):
        stream = client.subscribe(subscription(LOCATION, mode=mode, sample_interval=SECOND // 2), mode="STREAM")
        assert_refusal(*stream.end(), grpc.StatusCode.INVALID_ARGUMENT, "1 s")
    client.capabilities()
    with gnmic.stream("--log", "sub", "--path", LOCATION, "--stream-mode", "sample", "-i", "500ms") as stream:
        time.sleep(2)
        assert "InvalidArgument" in stream.text
        assert "1 s" in stream.text


def test_case_33_shortest_and_longest_interval(client):
    # SMP-003 SMP-018 OCH-014
    name = "/configure/system/name"
    for accepted in (
        sample(name, 1),
        subscription(name, mode="SAMPLE", sample_interval=2**64 - 1),
        subscription(name, mode="ON_CHANGE", sample_interval=1),
    ):
        assert client.subscribe(accepted, mode="STREAM").until_sync()


def test_case_37_suppress_redundant_with_heartbeat(gnmic, location):
    # SMP-010 SMP-011
    location("constant")
    flags = ("--stream-mode", "sample", "-i", "1s", "--suppress-redundant", "--heartbeat-interval", "5s")
    with gnmic.stream("sub", "--path", LOCATION, *flags) as stream:
        assert gnmic_leaves(*stream.synced()) == [(LOCATION, "constant")]
        time.sleep(11.5)
        after = stream.after_sync()
    assert gnmic_leaves(*after) == [(LOCATION, "constant")] * 2
    first, second = (each["timestamp"] for each in after)
    assert abs(second - first - 5 * SECOND) < SECOND


def test_case_37_a_change_is_sent_alone(client, location):
    # SMP-010 SMP-012
    name = "/configure/system/name"
    location("constant")
    stream = client.subscribe(
        sample(LOCATION, 1, suppress_redundant=True), sample(name, 1, suppress_redundant=True), mode="STREAM"
    )
    stream.until_sync()
    stream.silent(2.2)
    location("moved")
    assert leaves(stream.next(timeout=2)) == [(LOCATION, "moved")]
    stream.silent(1.5)


def test_sample_after_the_object_is_gone(client):
    # SMP-013 SMP-014 SUB-009 SUB-010 SUB-011
    entry = "/configure/router[router-name=Base]/interface[interface-name=sampled]"
    description = f"{entry}/description"
    stream = client.subscribe(sample(description, 1), mode="STREAM")
    assert stream.until_sync() == []
    stream.silent(1.2)
    client.set(update=[(description, "here")])
    assert leaves(stream.next(timeout=2)) == [(description, "here")]
    client.set(delete=[entry])
    gone = stream.next(timeout=2)
    assert not gone.update and len(deletes(gone)) == 1
    assert description.startswith(deletes(gone)[0])
    stream.silent(2.2)


def test_updates_only_waits_for_the_tick(client, location):
    # SMP-015
    location("constant")
    stream = client.subscribe(sample(LOCATION, 1), mode="STREAM", updates_only=True)
    assert stream.until_sync(timeout=0.5) == []
    assert leaves(stream.next(timeout=1.5)) == [(LOCATION, "constant")]


def test_a_burst_of_subscriptions_keeps_its_cadence(new_daemon):
    # SMP-019
    daemon = new_daemon()
    with Connection(daemon.address) as session:
        paths = (STATISTICS, "/state/system/up-time", "/interfaces/interface[name=*]/state/counters")
        streams = [session.subscribe(sample(paths[n % 3], 1), mode="STREAM") for n in range(224)]
        for stream in streams:
            stream.until_sync(timeout=20)
        time.sleep(4.5)
        gaps = []
        for stream in streams:
            stamps = sorted({each.timestamp for _, each in stream.during(0.005)})
            gaps += [abs(b - a - SECOND) for a, b in itertools.pairwise(stamps)]
        gaps.sort()
        assert len(gaps) >= 3 * len(streams)
        # One in a hundred is forgiven to a machine that has other things to do as well.
        assert gaps[len(gaps) * 99 // 100] < SECOND / 10
