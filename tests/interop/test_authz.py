"""Profile entries, as gnmic meets them: the example of docs/AUTHORIZATION.md."""

import json

import pytest

from harness.gnmic import Gnmic

SECURITY = "/configure/system/security"
PROFILE = f"{SECURITY}/aaa/local-profiles/profile[user-profile-name=operators]"
USER = f"{SECURITY}/user-params/local-user/user[user-name=operator]"
TELEMETRY_DATA = f"{SECURITY}/aaa/management-interface/output-authorization/telemetry-data"

ENTRIES = [
    {"entry-id": 10, "match": "configure system security", "action": "deny"},
    {"entry-id": 20, "match": "configure system grpc", "action": "read-only"},
    {"entry-id": 30, "match": "configure router <Base> interface <to-core>", "action": "read-only"},
]


@pytest.fixture
def both(new_daemon):
    """gnmic as admin, and as a user whose profile has entries."""
    daemon = new_daemon()
    admin = Gnmic(daemon.address, "--insecure", "-e", "json")
    update(admin, PROFILE, {"default-action": "permit-all", "entry": ENTRIES}).ok()
    member = {"password": "operator", "access": {"grpc": True}, "console": {"member": ["operators"]}}
    update(admin, USER, member).ok()
    return admin, Gnmic(daemon.address, "--insecure", "-e", "json", user="operator", password="operator")


def update(gnmic, path, value):
    return gnmic("set", "--update", f"{path}:::json:::{json.dumps(value)}")


def read(gnmic, path):
    return json.loads(gnmic("get", "--path", path, "--values-only").ok().out)


def test_one_change_too_much(both):
    # SET-036 SET-037 SET-041
    admin, operator = both
    update(operator, "/configure/system/location", "zurich").ok()
    two = ["--update", "/configure/system/location:::json:::\"bern\""]
    two += ["--update", "/configure/system/grpc/max-msg-size:::json:::100"]
    why = ["/configure/system/grpc/max-msg-size", "user 'operator', profile 'operators' entry 20", "update operation 2"]
    operator("set", *two).refused("PermissionDenied", *why)
    assert read(admin, "/configure/system/location") == ["zurich"]
    interface = "/configure/router[router-name=Base]/interface[interface-name=to-core]"
    operator("set", "--delete", interface).refused("PermissionDenied", interface, "entry 30", "delete operation 1")


def test_delete_spares_what_is_protected(both):
    # SET-038 SET-053
    admin, operator = both
    users = read(admin, f"{SECURITY}/user-params/local-user/user/user-name")
    update(operator, "/configure/system/location", "zurich").ok()
    operator("set", "--delete", "/configure/system").ok()
    admin("get", "--path", "/configure/system/location").refused("NotFound")
    assert read(admin, f"{SECURITY}/user-params/local-user/user/user-name") == users
    operator("set", "--delete", "/").ok()
    assert read(admin, f"{SECURITY}/user-params/local-user/user/user-name") == users


def test_reading(both):
    # GET-022 AUTH-029 AUTH-031 AUTH-032
    admin, operator = both
    operator("get", "--path", SECURITY).refused("PermissionDenied", SECURITY, "entry 10")
    (system,) = read(operator, "/configure/system")
    assert "grpc" in system and "security" not in system
    once = ["subscribe", "--mode", "once", "--path", SECURITY]
    assert any("/user-params/attempts/count" in path for path, _ in operator(*once).ok().leaves)
    update(admin, TELEMETRY_DATA, True).ok()
    assert operator(*once).ok().leaves == []
    assert read(admin, TELEMETRY_DATA) == [True]
