"""A daemon whose disk is full or write-protected: it refuses changes, says so, serves on, and comes back by itself."""

import json

import grpc
import pytest

from harness import eventually
from harness.daemon import Daemon
from harness.disk import Disk
from harness.wire import Connection, assert_refusal, leaves, subscription

LOCATION = "/configure/system/location"
STORAGE = "/state/system/management-interface/configuration-storage"


def refused(session, **operations):
    with pytest.raises(grpc.RpcError) as caught:
        session.set(**operations)
    code, text = caught.value.code(), caught.value.details()
    assert_refusal(code, text, grpc.StatusCode.INTERNAL, "#2305", "configuration could not be saved", "config.redb")
    return text


def storage(session, state):
    return eventually(lambda: session.read(f"{STORAGE}/oper-state") == state, timeout=15)


def large(number):
    """A change of some hundred kilobytes."""
    ports = [{"port-id": f"1/1/{port}", "description": f"{number} " + "x" * 70} for port in range(1, 800)]
    return [(LOCATION, f"large {number}"), ("/configure", {"port": ports})]


def test_a_full_disk(tmp_path):
    # SET-006 SET-051
    with Disk(tmp_path / "disk", megabytes=12) as disk:
        daemon = Daemon(tmp_path / "daemon", data_dir=disk.directory, prefix=disk.prefix).start()
        try:
            with Connection(daemon.address) as session:
                session.set(update=[(LOCATION, "before")])
                storage(session, "up")
                stream = session.subscribe(subscription(LOCATION, mode="ON_CHANGE"), mode="STREAM")
                stream.until_sync()
                disk.fill()
                # Free pages of the file may still take some.
                wanted = ["before"]
                for number in range(40):
                    try:
                        session.set(update=large(number))
                        wanted.append(f"large {number}")
                    except grpc.RpcError:
                        break
                text = refused(session, update=large(99))
                assert session.read(LOCATION) == wanted[-1], "a change that was refused is there"
                storage(session, "down")
                assert session.read(f"{STORAGE}/oper-down-detail") in text
                assert session.read(f"{STORAGE}/oper-down-since")
                assert int(session.read(f"{STORAGE}/failed-writes")) > 0
                eventually(lambda: "configuration cannot be saved" in daemon.log)
                # As before a power cut: what was acknowledged is there, with no room to repair anything.
                daemon.kill()
                daemon.start()
            with Connection(daemon.address) as session:
                assert session.read(LOCATION) == wanted[-1]
                stream = session.subscribe(subscription(LOCATION, mode="ON_CHANGE"), mode="STREAM")
                stream.until_sync()
                refused(session, update=large(100))
                storage(session, "down")
                disk.free()
                storage(session, "up")
                eventually(lambda: "configuration can be saved again" in daemon.log)
                session.set(update=[(LOCATION, "after")])
                assert leaves(stream.next()) == [(LOCATION, "after")], "somebody was told of what was refused"
                daemon.kill()
                daemon.start()
            with Connection(daemon.address) as session:
                assert session.read(LOCATION) == "after"
        finally:
            daemon.stop()
        daemon.assert_no_panic()


def test_a_write_protected_disk(tmp_path):
    # SET-006 SET-051
    with Disk(tmp_path / "disk", megabytes=12) as disk:
        daemon = Daemon(tmp_path / "daemon", data_dir=disk.directory, prefix=disk.prefix)
        # The security log has to be written, or nobody is let in: it is somewhere else.
        elsewhere = f'level = "info"\nsecurity-file = {json.dumps(str(tmp_path / "security.log"))}'
        daemon.config.write_text(daemon.config.read_text().replace('level = "info"', elsewhere))
        daemon.start()
        try:
            with Connection(daemon.address) as session:
                session.set(update=[(LOCATION, "kept")])
            daemon.stop()
            disk.protect()
            daemon.start()
            with Connection(daemon.address) as session:
                assert session.read(LOCATION) == "kept"
                storage(session, "down")
                refused(session, update=[(LOCATION, "lost")])
                assert session.read(LOCATION) == "kept"
                # The start and the Set.
                eventually(lambda: session.read(f"{STORAGE}/failed-writes") == "2")
                disk.unprotect()
                storage(session, "up")
                # A disk that says itself that it takes nothing is asked, not written to.
                assert session.read(f"{STORAGE}/failed-writes") == "2"
                session.set(update=[(LOCATION, "after")])
            daemon.kill()
            daemon.start()
            with Connection(daemon.address) as session:
                assert session.read(LOCATION) == "after"
        finally:
            daemon.stop()
        daemon.assert_no_panic()
