"""STREAM with ON_CHANGE and TARGET_DEFINED: every change once, and nothing else."""

import textwrap
import time

from harness import eventually
from harness.gnmic import GnmicStream
from harness.gnmic import deletes as gnmic_deletes
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import SECOND, Connection, deletes, leaves, subscription

LOCATION = "/configure/system/location"
CONTACT = "/configure/system/contact"
ENTRY = "/configure/router[router-name=Base]/interface[interface-name=appears]"


def on_change(given, **fields):
    return subscription(given, mode="ON_CHANGE", **fields)


def test_case_07_on_change(gnmic, location):
    # OCH-001 OCH-002 OCH-003 OCH-005 TLS-038
    location("before")
    with gnmic.stream("sub", "--path", LOCATION, "--stream-mode", "on-change") as stream:
        assert gnmic_leaves(*stream.synced()) == [(LOCATION, "before")]
        gnmic("set", "--update-path", LOCATION, "--update-value", "after").ok()
        eventually(stream.after_sync)
        time.sleep(1)
        assert gnmic_leaves(*stream.after_sync()) == [(LOCATION, "after")]


def test_case_07_only_what_changed(client, location):
    # OCH-004 OCH-015 OCH-017 OCH-019 OCH-021 SET-004 SET-045
    client.set(update=[(CONTACT, "before")])
    location("before")
    stream = client.subscribe(on_change("/configure/system"), mode="STREAM")
    stream.until_sync()
    location("before")
    stream.silent(0.5)
    answer = client.set(update=[(LOCATION, "after"), (CONTACT, "after")])
    seen = stream.during(1.0)
    assert sorted(leaves(*(each for _, each in seen))) == [(CONTACT, "after"), (LOCATION, "after")]
    assert {each.timestamp for _, each in seen} == {answer.timestamp}


def test_case_07_no_change_is_lost_at_the_start(daemon, client):
    # OCH-026 SET-044
    with Connection(daemon.address) as other:
        for round_ in range(20):
            stream = other.subscribe(on_change(LOCATION), mode="STREAM")
            client.set(update=[(LOCATION, f"round {round_}")])

            def caught_up(stream=stream, wanted=f"round {round_}"):
                _, response = stream.arrival(2)
                return (LOCATION, wanted) in leaves(response.update)

            eventually(caught_up)
            stream.cancel()


def test_case_35_entry_appears_and_goes(gnmic, client):
    # SUB-008 SUB-009 OCH-010 OCH-011 OCH-023
    client.set(delete=[ENTRY])
    with gnmic.stream("sub", "--path", ENTRY, "--stream-mode", "on-change") as printed:
        assert gnmic_leaves(*printed.synced()) == []
        stream = client.subscribe(on_change(ENTRY), mode="STREAM")
        assert stream.until_sync() == []
        client.set(update=[(f"{ENTRY}/description", "hello")])
        created = dict(leaves(*(each for _, each in stream.during(0.5))))
        assert created[f"{ENTRY}/description"] == "hello"
        assert all(where.startswith(ENTRY) for where in created)
        client.set(delete=[ENTRY])
        gone = stream.next()
        assert deletes(gone) == [ENTRY], "one delete at the highest removed node"
        assert not gone.update
        eventually(lambda: gnmic_deletes(*printed.after_sync()))
        assert f"{ENTRY}/description" in dict(gnmic_leaves(*printed.after_sync()))


def test_case_35_wildcard_follows_entries(client):
    # OCH-011 OCH-023 PATH-026
    client.set(delete=[ENTRY])
    wild = "/configure/router[router-name=Base]/interface[interface-name=*]/description"
    stream = client.subscribe(on_change(wild), mode="STREAM")
    stream.until_sync()
    client.set(update=[(f"{ENTRY}/description", "hello")])
    assert leaves(stream.next()) == [(f"{ENTRY}/description", "hello")]
    client.set(delete=[ENTRY])
    (deleted,) = deletes(stream.next())
    assert f"{ENTRY}/description".startswith(deleted)


def test_case_35_back_to_the_default(client):
    # OCH-012
    banner = "/configure/system/login-control/login-banner"
    client.set(update=[(banner, True)])
    stream = client.subscribe(on_change(banner), mode="STREAM")
    assert leaves(*stream.until_sync()) == [(banner, True)]
    client.set(delete=[banner])
    assert leaves(stream.next()) == [(banner, False)]


def test_case_36_updates_only(gnmic, client, location):
    # OCH-020 SUB-024
    location("before")
    with gnmic.stream("sub", "--path", LOCATION, "--stream-mode", "on-change", "--updates-only") as stream:
        assert gnmic_leaves(*stream.synced()) == []
        location("after")
        eventually(stream.after_sync)
        assert gnmic_leaves(*stream.after_sync()) == [(LOCATION, "after")]


def test_case_38_heartbeat(gnmic, location):
    # OCH-013
    location("constant")
    flags = ("--stream-mode", "on-change", "--heartbeat-interval", "5s")
    with gnmic.stream("sub", "--path", LOCATION, *flags) as stream:
        assert gnmic_leaves(*stream.synced()) == [(LOCATION, "constant")]
        time.sleep(11.5)
        after = stream.after_sync()
    assert gnmic_leaves(*after) == [(LOCATION, "constant")] * 2
    first, second = (each["timestamp"] for each in after)
    assert abs(second - first - 5 * SECOND) < SECOND


def test_case_41_two_subscriptions_share_a_session(gnmic, daemon, location, tmp_path):
    # TLS-002 TLS-003 SUB-007
    location("before")
    config = tmp_path / "two.yaml"
    config.write_text(
        textwrap.dedent(
            f"""
            targets:
              {daemon.address}:
                username: admin
                password: admin
                insecure: true
            subscriptions:
              place:
                paths: ["{LOCATION}"]
                stream-mode: on-change
              uptime:
                paths: ["/state/system/up-time"]
                stream-mode: sample
                sample-interval: 1s
            """
        )
    )
    sessions = daemon.sessions()
    with GnmicStream([gnmic.binary, "--config", str(config), "subscribe"]) as stream:

        def both():
            names = [each.get("subscription-name") for each in stream.documents]
            return "place" in names and names.count("uptime") >= 3

        eventually(both, timeout=10)
        assert daemon.sessions() == sessions + 1


def test_target_defined_is_on_change_for_configuration(client, location):
    # TGT-001 TGT-003 TGT-005 TGT-006 TGT-008
    location("before")
    stream = client.subscribe(
        subscription(LOCATION, sample_interval=SECOND),
        subscription("/state/system/up-time", sample_interval=SECOND),
        mode="STREAM",
    )
    assert dict(leaves(*stream.until_sync())).keys() == {LOCATION, "/state/system/up-time"}
    location("after")
    seen = [leaf for _, each in stream.during(3.3) for leaf in leaves(each)]
    assert [leaf for leaf in seen if leaf[0] == LOCATION] == [(LOCATION, "after")]
    assert sum(where == "/state/system/up-time" for where, _ in seen) == 3
