"""Set: one transaction in a fixed order, exact refusals, and nothing to be seen of a Set that failed."""

import grpc
import pytest

from harness import eventually, wire
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import messages, path, text, typed

BASE = "/configure/router[router-name=Base]"
LOCATION = "/configure/system/location"
# UpdateResult.Operation
DELETE, REPLACE, UPDATE = 1, 2, 3


def interface(name):
    return f"{BASE}/interface[interface-name={name}]"


@pytest.fixture
def entry(client):
    """A list entry of this case, gone afterwards."""
    name = interface("case")
    client.set(delete=[name])
    yield name
    client.set(delete=[name])


def test_case_04_set_and_read_back(gnmic):
    # SET-001 SET-007 SET-008 CAP-017
    said = gnmic("set", "--update-path", LOCATION, "--update-value", "zurich").ok()
    (answer,) = said.documents
    (result,) = answer["results"]
    assert result == {"operation": "UPDATE", "path": LOCATION[1:]}
    assert answer["timestamp"] > 0
    assert gnmic("get", "--path", LOCATION).ok().leaves == [(LOCATION, "zurich")]


@pytest.mark.parametrize(
    "kind, given",
    [("string", "zurich"), ("json", '"bern"'), ("json_ietf", '"basel"')],
)
def test_case_04_typed_values_through_gnmic(gnmic, client, kind, given):
    # SET-034 ENC-055
    gnmic("set", "--update", f"{LOCATION}:::{kind}:::{given}").ok()
    assert client.read(LOCATION) == given.strip('"')


def test_case_04_scalars_for_every_kind_of_leaf(client):
    # SET-034 SET-015
    mtu = f"{interface('case')}/ip-mtu"
    try:
        for given in (typed(uint_val=1500), typed(int_val=1500), typed(json_val=b"1500"), typed(json_ietf_val=b"1500")):
            client.set(delete=[mtu])
            client.set(update=[(mtu, given)])
            assert client.read(mtu) == 1500
    finally:
        client.set(delete=[interface("case")])


def test_case_04_prefix_and_target_come_back(client):
    # SET-009
    answer = client.set(update=[("system/location", "olten")], prefix=path("/configure", target="sr1"))
    assert answer.prefix.target == "sr1"
    assert text(answer.prefix, answer.response[0].path) == LOCATION
    assert client.read(LOCATION) == "olten"


def test_case_04_empty_set(client):
    # SET-010
    assert not client.set().response


@pytest.mark.parametrize(
    "where, given, fragments",
    [
        (LOCATION, b'{"a":1}', [LOCATION]),
        (LOCATION, b'{"a":', [LOCATION]),
        (LOCATION, b"", [LOCATION]),
        (LOCATION, b"null", [LOCATION]),
        ("/configure/system/grpc/admin-state", b'"perhaps"', ["admin-state", "perhaps"]),
        (f"{interface('case')}/ip-mtu", b"100", ["ip-mtu", "512"]),
        (f"{interface('case')}/ip-mtu", b'"wide"', ["ip-mtu", "wide"]),
        ("/configure/system", b'{"location": "x", "bogus": 1}', ["/configure/system/bogus"]),
        ("/state/system/up-time", b"1", ["/state/system/up-time"]),
        ("/configure/router/interface[interface-name=x]/description", b'"x"', ["/configure/router"]),
    ],
    ids=[
        "object-for-leaf",
        "broken-json",
        "no-json",
        "null",
        "enumeration",
        "range",
        "type",
        "unknown-member",
        "state",
        "missing-keys",
    ],
)
def test_case_14_wrong_values(client, refused, where, given, fragments):
    # SET-016 SET-022 SET-023 SET-025 SET-027 SET-028 SET-032 SET-050
    client.set(update=[(LOCATION, "unchanged")])
    refused(
        lambda: client.set(update=[(where, typed(json_val=given))]),
        grpc.StatusCode.INVALID_ARGUMENT,
        *fragments,
    )
    assert client.read(LOCATION) == "unchanged"


def test_case_14_object_for_a_leaf_through_gnmic(gnmic, client):
    # SET-027
    client.set(update=[(LOCATION, "unchanged")])
    gnmic("set", "--update", f'{LOCATION}:::json:::{{"a":1}}').refused("InvalidArgument", LOCATION)
    assert client.read(LOCATION) == "unchanged"


def test_case_14_unknown_node(client, refused):
    # SET-026
    refused(
        lambda: client.set(update=[("/configure/bogus", "x")]),
        grpc.StatusCode.NOT_FOUND,
        "/configure/bogus - Unknown element",
    )


def test_case_14_unsupported_value_kinds(client, refused):
    # SET-031 SET-035
    for given, word in ((typed(ascii_val="x"), "ascii"), (typed(proto_bytes=b"x"), "proto_bytes")):
        refused(lambda: client.set(update=[(LOCATION, given)]), grpc.StatusCode.UNIMPLEMENTED, word)
    refused(lambda: client.set(update=[(LOCATION, messages().TypedValue())]), grpc.StatusCode.INVALID_ARGUMENT)


def test_case_15_delete_replace_update_in_that_order(gnmic, client, entry):
    # SET-003 SET-007 SET-012
    client.set(update=[(f"{entry}/description", "old"), (f"{entry}/ip-mtu", 1400)])
    said = gnmic(
        "set",
        *("--update-path", f"{entry}/description", "--update-value", "new"),
        *("--replace-path", LOCATION, "--replace-value", "replaced"),
        *("--delete", entry),
    ).ok()
    (answer,) = said.documents
    assert [each["operation"] for each in answer["results"]] == ["DELETE", "REPLACE", "UPDATE"]
    assert client.find(f"{entry}/description") == {f"{entry}/description": "new"}
    assert client.find(f"{BASE}/interface[interface-name=*]/ip-mtu") == {}
    assert client.read(LOCATION) == "replaced"


def test_case_15_results_as_sent(client, entry):
    # SET-007 SET-008 SET-011
    answer = client.set(
        delete=[entry],
        replace=[(entry, {"description": "first"})],
        update=[(f"{entry}/description", "second"), (f"{entry}/description", "third")],
    )
    assert [each.op for each in answer.response] == [DELETE, REPLACE, UPDATE, UPDATE]
    assert [text(each.path) for each in answer.response] == [entry, entry, *[f"{entry}/description"] * 2]
    assert not any(each.timestamp or each.HasField("message") for each in answer.response)
    assert client.read(f"{entry}/description") == "third"


def test_case_16_third_update_wrong(client, refused, entry):
    """A Set whose third update is wrong changes nothing and notifies nobody."""
    # SET-005 SET-006 OCH-016
    client.set(update=[(LOCATION, "before"), ("/configure/system/contact", "before")])
    watch = client.subscribe(wire.subscription("/configure", mode="ON_CHANGE"), mode="STREAM")
    watch.until_sync()
    updates = [(LOCATION, "after"), ("/configure/system/contact", "after"), (f"{entry}/ip-mtu", 1)]
    refused(lambda: client.set(update=updates), grpc.StatusCode.INVALID_ARGUMENT, f"{entry}/ip-mtu")
    watch.silent(1.0)
    assert client.read(LOCATION) == client.read("/configure/system/contact") == "before"
    refused(lambda: client.get(f"{entry}/ip-mtu"), grpc.StatusCode.NOT_FOUND, "ip-mtu")


def test_case_16_through_gnmic(gnmic, client):
    # SET-005 OCH-016
    client.set(update=[(LOCATION, "before")])
    with gnmic.stream("sub", "--path", LOCATION, "--stream-mode", "on-change") as watch:
        watch.synced()
        gnmic(
            "set",
            *("--update-path", LOCATION, "--update-value", "after"),
            *("--update-path", "/configure/system/grpc/admin-state", "--update-value", "perhaps"),
        ).refused("InvalidArgument", "perhaps")
        client.set(update=[(LOCATION, "later")])
        eventually(watch.after_sync)
        assert gnmic_leaves(*watch.after_sync()) == [(LOCATION, "later")]


def test_case_17_delete_of_what_is_not_there(gnmic):
    # SET-013
    gnmic("set", "--delete", interface("none")).ok()


def test_case_17_delete_is_recursive_and_takes_wildcards(client, entry):
    # SET-014 SET-015
    client.set(update=[(f"{entry}/description", "x"), (f"{interface('case2')}/description", "y")])
    client.set(delete=[f"{BASE}/interface[interface-name=*]"])
    assert client.find(f"{BASE}/interface[interface-name=*]") == {}
    client.set(delete=[f"{BASE}/interface[interface-name=*]"])


def test_case_18_replace_removes_what_it_omits(client, entry):
    # SET-017 SET-019
    client.set(update=[(entry, {"description": "one", "ip-mtu": 1400})])
    client.set(update=[(entry, {"description": "two"})])
    assert client.read(f"{entry}/ip-mtu") == 1400
    client.set(replace=[(entry, {"description": "three"})])
    assert client.read(f"{entry}/description") == "three"
    assert client.find(f"{BASE}/interface[interface-name=*]/ip-mtu") == {}


def test_case_18_replace_of_a_list(client, entry):
    # SET-020 SET-049
    for name in ("case", "case2"):
        client.set(update=[(f"{interface(name)}/description", name)])
    client.set(replace=[(f"{BASE}/interface", [{"interface-name": "case", "description": "only"}])])
    assert client.find(f"{BASE}/interface[interface-name=*]/description") == {f"{entry}/description": "only"}


def test_case_18_replace_with_a_contradicting_key(client, refused, entry):
    # SET-024 SET-021
    client.set(replace=[(entry, {"interface-name": "case", "description": "same key"})])
    refused(
        lambda: client.set(replace=[(entry, {"interface-name": "other"})]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "interface-name",
    )
    refused(lambda: client.set(replace=[(entry, {})]), grpc.StatusCode.INVALID_ARGUMENT, "case")
    assert client.read(f"{entry}/description") == "same key"


def test_case_18_defaults_come_back(client):
    # SET-019 GET-015
    banner = "/configure/system/login-control/login-banner"
    client.set(update=[(banner, True)])
    assert client.read(banner) is True
    client.set(delete=[banner])
    assert client.read(banner) is False
