"""Users of a real FreeRADIUS and a real TACACS+ server, with gnmic and pygnmi as their clients."""

import time

import grpc
import pytest

from harness import eventually, pygnmi
from harness.aaa import FreeRadius, Tacquito, order, template
from harness.gnmic import Gnmic
from harness.wire import Connection

# bcrypt of tac-pw, in hex.
TAC_PW = "243261243034242f4b536143766471424847566549754b476a47662e653066594b542f72556c6a32396a564e38556e456d42305378414c4d5a4d7253"
NAME = "/configure/system/name"


@pytest.fixture
def radius(tmp_path):
    users = {
        "ann": ("rad-pw", "Timetra-Access := 8"),
        "bob": ("rad-pw", ""),
        "con": ("rad-pw", "Timetra-Access := console"),
        "eve": ("rad-pw", 'Timetra-Access := 15, Timetra-Profile := "read-only", Timetra-Default-Action := deny-all'),
    }
    with FreeRadius(tmp_path / "radius", users) as server:
        yield server


@pytest.fixture
def tacplus(tmp_path):
    with Tacquito(tmp_path / "tacplus", {"tac": (TAC_PW, 15), "low": (TAC_PW, 1)}) as server:
        yield server


def code(daemon, user, password, path=NAME):
    with Connection(daemon.address, user=user, password=password) as session:
        try:
            session.get(path)
            return grpc.StatusCode.OK
        except grpc.RpcError as error:
            return error.code()


def test_radius_through_gnmic_and_pygnmi(new_daemon, radius):
    # AUTH-010 AUTH-011 AUTH-012
    daemon = new_daemon(extra=radius.tables() + order("radius", "local"))
    ann = Gnmic(daemon.address, "--insecure", user="ann", password="rad-pw")
    assert "ganymede-lab" in ann("get", "--path", NAME).ok().out
    assert "nokia-conf" in pygnmi.cli(daemon.address, "-u", "ann", "-p", "rad-pw", "-o", "capabilities")
    Gnmic(daemon.address, "--insecure", user="ann", password="wrong")("cap").refused("Unauthenticated")
    Gnmic(daemon.address, "--insecure", user="bob", password="rad-pw")("cap").refused("PermissionDenied")
    Gnmic(daemon.address, "--insecure", user="con", password="rad-pw")("cap").refused("PermissionDenied")
    with Connection(daemon.address) as admin:
        template_of = "/configure/system/security/aaa/user-template[user-template-name=radius-default]"
        servers = "/configure/system/security/aaa/remote-servers/radius"
        admin.set(update=[(f"{template_of}/access/grpc", True), (f"{servers}/use-default-template", True)])
        Gnmic(daemon.address, "--insecure", user="bob", password="rad-pw")("cap").ok()
        Gnmic(daemon.address, "--insecure", user="con", password="rad-pw")("cap").refused("PermissionDenied")
        # What the attributes say counts with `authorization`.
        eve = Gnmic(daemon.address, "--insecure", user="eve", password="rad-pw")
        admin.set(update=[(f"{servers}/authorization", True)])
        eve("get", "--path", NAME).ok()
        eve("set", "--update-path", NAME, "--update-value", "stolen").refused("PermissionDenied")


def test_radius_is_asked_once_for_each_session(new_daemon, radius):
    # AUTH-015 AUTH-016 AUTH-017 AUTH-021 AUTH-033
    daemon = new_daemon(extra=radius.tables("accounting = true") + order("radius", "local"))
    with Connection(daemon.address, user="ann", password="rad-pw") as session:
        for _ in range(10):
            session.get(NAME)
        assert radius.logins() == 1
        stream = session.subscribe(NAME, mode="STREAM")
        stream.until_sync()
        assert code(daemon, "ann", "rad-pw") == grpc.StatusCode.OK
        assert radius.logins() == 2
        # The store learns another password: the session goes on, a new one needs the new password.
        radius.stop()
        radius.users["ann"] = ("rad-new", "Timetra-Access := 8")
        radius.start()
        session.get(NAME)
        assert code(daemon, "ann", "rad-pw") == grpc.StatusCode.UNAUTHENTICATED
        assert code(daemon, "ann", "rad-new") == grpc.StatusCode.OK
        assert radius.logins() == 4
        session.get(NAME)
        stream.cancel()
    eventually(lambda: "Acct-Status-Type = Stop" in radius.records())
    assert 'User-Name = "ann"' in radius.records() and "gnmi.gNMI/Get" in radius.records()
    for text in (daemon.log, daemon.security_log, radius.records()):
        assert "rad-pw" not in text and "between-us" not in text


def test_tacplus_through_gnmic(new_daemon, tacplus):
    # AUTH-007 AUTH-013 AUTH-015
    tables = tacplus.tables('accounting.record-type = "start-stop"')
    daemon = new_daemon(extra=tables + template("tacplus-default") + order("tacplus", "local"))
    tac = Gnmic(daemon.address, "--insecure", user="tac", password="tac-pw")
    assert "ganymede-lab" in tac("get", "--path", NAME).ok().out
    tac("set", "--update-path", "/configure/system/location", "--update-value", "here").ok()
    Gnmic(daemon.address, "--insecure", user="tac", password="wrong")("cap").refused("Unauthenticated")
    # The local users are there for those whom the server does not know.
    Gnmic(daemon.address, "--insecure")("cap").ok()
    eventually(lambda: "gnmi.gNMI/Set" in tacplus.records())
    with Connection(daemon.address) as admin:
        servers = "/configure/system/security/aaa/remote-servers/tacplus"
        # The other way of asking for a password.
        admin.set(update=[(f"{servers}/interactive-authentication", True)])
        tac("cap").ok()
        Gnmic(daemon.address, "--insecure", user="tac", password="wrong")("cap").refused("Unauthenticated")
        # The level that the server gives selects the profile.
        levels = [{"level": 15, "user-profile-name": "administrative"}, {"level": 1, "user-profile-name": "read-only"}]
        admin.set(
            update=[(f"{servers}/authorization", {"use-priv-lvl": True}), (f"{servers}/priv-lvl-map/priv-lvl", levels)]
        )
        change = ("set", "--update-path", "/configure/system/location", "--update-value", "there")
        Gnmic(daemon.address, "--insecure", user="low", password="tac-pw")(*change).refused("PermissionDenied")
        tac(*change).ok()
        admin.set(update=[(f"{servers}/use-default-template", False)])
        tac("cap").refused("PermissionDenied")


def test_tacplus_permits_each_change(new_daemon, tmp_path):
    # AUTH-036
    commands = [
        ("configure", '"system contact"', 1),
        ("configure", '"system .*"', 2),
        ("delete", '"configure system location"', 2),
    ]
    location, contact = "/configure/system/location", "/configure/system/contact"
    with Tacquito(tmp_path / "tacplus", {"tac": (TAC_PW, 15)}, commands) as server, server.counted() as counted:
        tables = server.tables('authorization.request-format.access-operation-cmd = ["delete"]', port=counted.port)
        # The profile permits reading only; it is the server that lets `tac` change things.
        daemon = new_daemon(extra=tables + template("tacplus-default", "read-only") + order("tacplus", "local"))
        tac = Gnmic(daemon.address, "--insecure", user="tac", password="tac-pw")
        tac("get", "--path", NAME).ok()
        assert (counted.logins, counted.authorizations) == (1, 0)
        tac("set", "--update-path", location, "--update-value", "here").ok()
        assert (counted.logins, counted.authorizations) == (2, 1)
        why = [contact, "user 'tac', TACACS+ does not authorize it"]
        both = ["--update-path", location, "--update-value", "there", "--update-path", contact, "--update-value", "me"]
        tac("set", *both).refused("PermissionDenied", *why)
        assert (counted.logins, counted.authorizations) == (3, 3)
        assert tac("get", "--path", location).ok().leaves == [(location, "here")]
        tac("set", "--delete", contact).refused("PermissionDenied", *why)
        tac("set", "--delete", location).ok()
        tac("set", "--update-path", "/configure/port[port-id=1/1/1]/description", "--update-value", "x").refused(
            "PermissionDenied"
        )
        with Connection(daemon.address, user="tac", password="tac-pw") as session, Connection(daemon.address) as admin:
            session.get(NAME)
            admin.get(NAME)
            asked = counted.authorizations
            server.stop()
            counted.stop()
            began = time.monotonic()
            with pytest.raises(grpc.RpcError) as refused:
                session.set(update=[(location, "never")])
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
            assert "no authorization server answers" in refused.value.details()
            # Neither others nor reading depend on it.
            admin.set(update=[(location, "open")])
            session.get(NAME)
            assert time.monotonic() - began < 5 and counted.authorizations == asked
    lines = [line for line in daemon.log.splitlines() if "TACACS+ server 1 (127.0.0.1:" in line and "failed: " in line]
    assert lines, daemon.log


def test_dead_servers(new_daemon, radius, tacplus):
    # AUTH-006 AUTH-008 AUTH-036
    tables = radius.tables("use-default-template = true") + tacplus.tables() + order("radius", "tacplus", "local")
    daemon = new_daemon(extra=tables + template("radius-default") + template("tacplus-default"))
    assert code(daemon, "bob", "rad-pw") == grpc.StatusCode.OK
    assert code(daemon, "tac", "tac-pw") == grpc.StatusCode.OK
    assert code(daemon, "admin", "admin") == grpc.StatusCode.OK
    with Connection(daemon.address, user="bob", password="rad-pw") as session:
        session.get(NAME)
        radius.stop()
        assert code(daemon, "tac", "tac-pw") == grpc.StatusCode.OK
        tacplus.stop()
        assert code(daemon, "tac", "tac-pw") == grpc.StatusCode.UNAUTHENTICATED
        began = time.monotonic()
        assert code(daemon, "admin", "admin") == grpc.StatusCode.OK
        session.get(NAME)
        assert time.monotonic() - began < 2
    lines = [line for line in daemon.log.splitlines() if "failed: " in line]
    assert any("RADIUS server 1 (127.0.0.1:" in line and "next: no other server" in line for line in lines), lines
    assert any("TACACS+ server 1 (127.0.0.1:" in line for line in lines), lines
