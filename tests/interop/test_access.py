"""Who may speak: Capabilities as the first call, credentials on every RPC, rights, sessions and channels."""

import grpc
import pytest

from harness import eventually, pygnmi
from harness.gnmic import Gnmic
from harness.wire import Connection, assert_refusal

ENCODINGS = ["JSON", "BYTES", "PROTO", "JSON_IETF"]
# Encoding numbers of the gNMI enum, in the order of ENCODINGS.
ENCODING_NUMBERS = [0, 1, 2, 4]


def test_case_01_capabilities_through_gnmic(gnmic):
    # CAP-001 CAP-003 CAP-008 TLS-009
    said = gnmic("cap").ok().out
    assert "gNMI version: 0.8.0" in said
    assert "nokia-conf, Nokia, " in said
    assert "nokia-state, Nokia, " in said
    positions = [said.index(f"- {encoding}\n") for encoding in ENCODINGS]
    assert positions == sorted(positions)
    assert "ASCII" not in said


def test_case_01_capabilities_as_sent(client):
    # CAP-002 CAP-004 CAP-008 CAP-011 CAP-015
    answer = client.capabilities()
    assert answer.gNMI_version == "0.8.0"
    assert list(answer.supported_encodings) == ENCODING_NUMBERS
    models = [(each.name, each.organization, each.version) for each in answer.supported_models]
    assert len(models) == len(set(models))
    assert all(version for name, _, version in models if name.startswith(("nokia", "openconfig")))
    by_name = {name: (organization, version) for name, organization, version in models}
    assert by_name["nokia-conf"] == by_name["nokia-state"]
    assert by_name["openconfig-interfaces"][0] == "OpenConfig working group"
    again = client.capabilities()
    assert models == [(each.name, each.organization, each.version) for each in again.supported_models]


def test_case_02_capabilities_through_pygnmi(daemon):
    # CAP-001
    said = pygnmi.cli(daemon.address, "-o", "capabilities")
    for word in ("nokia-conf", "nokia-state", "0.8.0", *(each.lower() for each in ENCODINGS)):
        assert word in said


def test_case_08_wrong_password(daemon):
    # AUTH-005
    wrong = Gnmic(daemon.address, "--insecure", password="wrong")
    wrong("get", "--path", "/configure/system/name").refused("Unauthenticated")
    unknown = Gnmic(daemon.address, "--insecure", user="nobody")
    unknown("get", "--path", "/configure/system/name").refused("Unauthenticated")


def test_case_08_refusals_are_alike_and_leave_the_session(client, refused):
    # AUTH-005 AUTH-022 AUTH-035
    said = []
    for user, password in (("admin", "wrong"), ("nobody", "admin")):
        metadata = [("username", user), ("password", password)]
        with pytest.raises(grpc.RpcError) as caught:
            client.get("/configure/system/name", metadata=metadata)
        assert_refusal(caught.value.code(), caught.value.details(), grpc.StatusCode.UNAUTHENTICATED)
        said.append(caught.value.details().replace(user, "USER"))
    assert said[0] == said[1], "an unknown user must not be told apart from a wrong password"
    client.capabilities()


def test_case_09_no_user_through_gnmic(daemon):
    # AUTH-002
    Gnmic(daemon.address, "--insecure", user=None, password=None)("cap").refused("Unauthenticated")


@pytest.mark.parametrize(
    "metadata",
    [[], [("username", "admin")], [("password", "admin")]],
    ids=["nothing", "username-only", "password-only"],
)
def test_case_09_incomplete_credentials(client, refused, metadata):
    # AUTH-002 AUTH-003 AUTH-004 CAP-014
    refused(lambda: client.capabilities(metadata=metadata), grpc.StatusCode.UNAUTHENTICATED)
    refused(lambda: client.get("/configure/system/name", metadata=metadata), grpc.StatusCode.UNAUTHENTICATED)
    refused(lambda: client.set(metadata=metadata), grpc.StatusCode.UNAUTHENTICATED)
    stream = client.subscribe("/configure/system/name", mode="ONCE", metadata=metadata)
    assert_refusal(*stream.end(), grpc.StatusCode.UNAUTHENTICATED)
    client.capabilities()


def test_case_42_ninth_session(new_daemon):
    # LIM-001 LIM-002 LIM-018
    daemon = new_daemon()
    sessions = [Connection(daemon.address) for _ in range(8)]
    try:
        streams = [each.subscribe("/configure/system/name", mode="STREAM") for each in sessions]
        for stream in streams:
            stream.until_sync()
        with Connection(daemon.address) as ninth, pytest.raises(grpc.RpcError) as caught:
            ninth.capabilities()
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, caught.value.details()
        assert "8" in caught.value.details()
        for each in sessions:
            each.capabilities()
        sessions.pop().close()

        def served():
            with Connection(daemon.address) as next_one:
                try:
                    return next_one.capabilities()
                except grpc.RpcError:
                    return None

        eventually(served)
    finally:
        for each in sessions:
            each.close()


def test_case_42_channel_226(new_daemon):
    # LIM-003 LIM-014 TLS-034
    daemon = new_daemon()
    with Connection(daemon.address) as session, Connection(daemon.address) as other:
        streams = [session.subscribe("/configure/system/name", mode="STREAM") for _ in range(225)]
        for stream in streams:
            stream.until_sync(timeout=20)
        for each in (session, other):
            with pytest.raises(grpc.RpcError) as caught:
                each.capabilities()
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "225" in caught.value.details()
        streams[0].cancel()

        def served():
            try:
                return session.capabilities()
            except grpc.RpcError:
                return None

        eventually(served)
        session.set(update=[("/configure/system/name", "still-streaming")])
        assert streams[-1].next().update


def test_case_44_read_only_user(daemon, client):
    # AUTH-028
    reader = Gnmic(daemon.address, "--insecure", user="ro", password="ro")
    reader("get", "--path", "/configure/system/name").ok()
    before = client.read("/configure/system/name")
    reader("set", "--update-path", "/configure/system/name", "--update-value", "stolen").refused(
        "PermissionDenied", "/configure/system/name"
    )
    assert client.read("/configure/system/name") == before
    with Connection(daemon.address, user="ro", password="ro") as session:
        with pytest.raises(grpc.RpcError) as caught:
            session.set(delete=["/configure/system/name"])
        assert_refusal(caught.value.code(), caught.value.details(), grpc.StatusCode.PERMISSION_DENIED)
        assert session.read("/configure/system/name") == before


def test_case_44_user_without_grpc(daemon):
    # AUTH-009
    stranger = Gnmic(daemon.address, "--insecure", user="nogrpc", password="nogrpc")
    stranger("cap").refused("PermissionDenied")


def test_every_rpc_is_in_the_security_log(daemon, client):
    # AUTH-025 AUTH-026
    start = len(daemon.security_log)
    client.get("/configure/system/name")
    with pytest.raises(grpc.RpcError):
        client.get("/configure/system/name", metadata=[("username", "mallory"), ("password", "s3cret-guess")])
    logged = eventually(lambda: "mallory" in daemon.security_log[start:] and daemon.security_log[start:])
    lines = logged.splitlines()
    assert any("admin" in line and "authorized" in line and "127.0.0.1" in line for line in lines)
    assert any("mallory" in line and "unauthorized" in line for line in lines)
    assert "s3cret-guess" not in daemon.log + daemon.security_log
