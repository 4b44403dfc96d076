"""Sessions: who they belong to, what ends them, and what else than gRPC the daemon speaks (nothing)."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import grpc
import pytest

from harness import eventually
from harness.daemon import Daemon
from harness.gnmic import ENVIRONMENT, Gnmic
from harness.veth import Veth
from harness.wire import Connection, assert_refusal, leaves, subscription

NAME = "/configure/system/name"
LOCATION = "/configure/system/location"
RO = [("username", "ro"), ("password", "ro")]
PASSWORD = "/configure/system/security/user-params/local-user/user[user-name=admin]/password"
CONNECTIONS = "/state/system/grpc/connection[address=*][port=*]/total-rpc-count"


def test_case_43_another_user_ends_the_subscriptions_of_the_session(new_daemon):
    # AUTH-018 AUTH-019 AUTH-020
    daemon = new_daemon()
    with Connection(daemon.address) as session, Connection(daemon.address) as neighbour:
        streams = [session.subscribe(subscription(NAME, mode=mode), mode="STREAM") for mode in ("ON_CHANGE", "SAMPLE")]
        other = neighbour.subscribe(subscription(LOCATION, mode="ON_CHANGE"), mode="STREAM")
        for stream in [*streams, other]:
            stream.until_sync()
        # One who does not get in changes nothing.
        with pytest.raises(grpc.RpcError):
            session.get(NAME, metadata=[("username", "ro"), ("password", "wrong")])
        neighbour.set(update=[(NAME, "before")])
        assert leaves(streams[0].next()) == [(NAME, "before")]
        session.get(NAME, metadata=RO)
        for stream in streams:
            code, details = stream.end()
            assert_refusal(code, details, grpc.StatusCode.CANCELLED, "the user of the session changed")
        # The session goes on, under its new user; the neighbour notices nothing.
        session.get(NAME, metadata=RO)
        neighbour.set(update=[(LOCATION, "there")])
        assert leaves(other.next()) == [(LOCATION, "there")]


def test_case_43_another_password_does_not(new_daemon):
    # AUTH-021 AUTH-022 AUTH-023
    daemon = new_daemon()
    with Connection(daemon.address) as session:
        stream = session.subscribe(subscription(NAME, mode="ON_CHANGE"), mode="STREAM")
        stream.until_sync()
        session.set(update=[(PASSWORD, "fresh")])
        # The session may go on with what it came in with, and over to what holds now.
        session.get(NAME)
        session.get(NAME, metadata=[("username", "admin"), ("password", "fresh")])
        with pytest.raises(grpc.RpcError) as caught:
            session.get(NAME)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
        session.metadata = [("username", "admin"), ("password", "fresh")]
        session.set(update=[(NAME, "after")])
        assert leaves(stream.next()) == [(NAME, "after")]
        with Connection(daemon.address) as late, pytest.raises(grpc.RpcError) as caught:
            late.get(NAME)
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def veth(worker_id):
    number = int(re.sub(r"\D", "", worker_id) or 0)
    with Veth(f"gnms{number}", f"198.18.{100 + number}") as pair:
        yield pair


KEEPALIVE = """
[configure.system.grpc.tcp-keepalive]
admin-state = "enable"
idle-time = 1
interval = 1
retries = 3
"""


def test_case_68_vanished_clients(tmp_path, veth):
    # TLS-035 AUTH-040
    daemon = Daemon(tmp_path / "daemon", extra=KEEPALIVE)
    daemon.config.write_text(daemon.config.read_text().replace('address = "127.0.0.1"', 'address = "0.0.0.0"'))
    daemon.start()
    try:
        command = ["ip", "netns", "exec", veth.namespace, Gnmic("").binary, "-a", f"{veth.here}:{daemon.port}"]
        command += ["--insecure", "-u", "admin", "-p", "admin", "sub", "--path"]
        rests = [*command, NAME, "--stream-mode", "on-change"]
        speaks = [*command, "/state/port[port-id=*]/statistics", "--stream-mode", "sample", "-i", "1s"]
        clients = [
            subprocess.Popen(each, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            for each in (rests, speaks, rests)
        ]
        with Connection(daemon.address) as watcher:

            def far():
                got = leaves(*watcher.get(CONNECTIONS).notification)
                return sum(veth.there in path for path, _ in got)

            try:
                eventually(lambda: far() == 3, timeout=15)
                # A client that is killed is gone when its kernel says so.
                clients.pop().send_signal(signal.SIGKILL)
                eventually(lambda: far() == 2)
                # A link that takes everything and says nothing: the silent session and the one with data on its way.
                started = time.monotonic()
                subprocess.run(["ip", "-n", veth.namespace, "link", "set", veth.far, "down"], check=True)
                eventually(lambda: far() == 0, timeout=15)
                assert time.monotonic() - started > 2, "keepalive waits for its probes"
            finally:
                for client in clients:
                    client.kill()
                    client.wait()
    finally:
        daemon.stop()
        daemon.assert_no_panic()


def listening(pid):
    """What a process listens on: (table, address and port) of its sockets, as the kernel lists them."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd))
        except FileNotFoundError:
            continue
        if found:
            inodes.add(found[1])
    ours = []
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = row.split()
            if rest[5] in inodes and (state == "0A" or not table.startswith("tcp")):
                ours.append((table, local))
    return ours


def test_there_is_no_other_transport(daemon, tls_daemon):
    # TLS-040
    for each in (daemon, tls_daemon):
        (table, local), *more = listening(each.process.pid)
        assert not more
        assert table == "tcp" and local == f"0100007F:{each.port:04X}"
    # HTTP/1.1 is no way in either.
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as plain:
        plain.sendall(b"POST /gnmi.gNMI/Capabilities HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        answer = b""
        try:
            while chunk := plain.recv(4096):
                answer += chunk
        except ConnectionResetError:
            pass
    assert b"HTTP/1" not in answer
