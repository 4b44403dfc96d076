"""Get: values, types, encodings, path forms, origins, prefixes, wildcards, depth."""

import json
import re
import time

import grpc
import pytest

from harness import eventually, pygnmi
from harness.wire import leaves, messages, path, text, typed, value

NAME = "/configure/system/name"


def test_case_03_leaf(gnmic):
    # GET-001 GET-004 GET-020
    (answer,) = gnmic("get", "--path", NAME, "-t", "config").ok().documents
    assert answer["updates"] == [{"Path": NAME[1:], "values": {NAME[1:]: "ganymede-lab"}}]
    assert abs(answer["timestamp"] - time.time_ns()) < 3600 * 10**9


def test_case_03_values_only(gnmic):
    # GET-017
    assert json.loads(gnmic("get", "--path", NAME, "--values-only").ok().out) == ["ganymede-lab"]


def test_case_03_container_is_an_object(client):
    # GET-017 ENC-050
    container = client.read("/configure/system", type="CONFIG")
    assert container["name"] == "ganymede-lab"
    assert container["grpc"]["admin-state"] == "enable"


def test_case_03_several_paths_in_order(gnmic, client):
    # GET-002 GET-003 PATH-005
    answer = client.get("system/name", "system/grpc/admin-state", "system/name", prefix=path("/configure"))
    assert len(answer.notification) == 3
    assert [each for _, each in leaves(*answer.notification)] == ["ganymede-lab", "enable", "ganymede-lab"]
    gnmic("get", "--prefix", "/configure", "--path", "system/name", "--path", "system/grpc").ok()


def test_case_03_types(client):
    # GET-004 GET-005 GET-006
    assert leaves(*client.get(NAME, type="STATE").notification) == []
    assert leaves(*client.get("/state/system/up-time", type="CONFIG").notification) == []
    assert client.read("/state/system/up-time", type="STATE") is not None
    root = client.read("/", encoding="JSON_IETF")
    assert {"nokia-conf:configure", "nokia-state:state"} <= set(root)
    assert "nokia-state:state" not in client.read("/", encoding="JSON_IETF", type="CONFIG")


def test_case_13_unknown_element(gnmic, client, refused):
    # PATH-030 GET-016 LIM-013
    gnmic("get", "--path", "/configure/bogus").refused("InvalidArgument", "/configure/bogus", "Unknown element")
    refused(
        lambda: client.get("/configure/bogus"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "MGMT_CORE #2201: /configure/bogus - Unknown element",
    )


@pytest.mark.parametrize(
    "wrong, fragment",
    [
        ("/configure/system/bogus/deeper", "/configure/system/bogus"),
        ("/configure/router[bogus=Base]", "bogus"),
        ("/configure/system[name=x]", "/configure/system"),
        ("/state/card[slot-number=many]", "many"),
    ],
    ids=["below", "unknown-key", "key-on-container", "key-of-wrong-type"],
)
def test_case_13_malformed_paths_are_named(client, refused, wrong, fragment):
    # PATH-030 PATH-031
    refused(lambda: client.get(wrong), grpc.StatusCode.INVALID_ARGUMENT, fragment)


def test_case_13_empty_element(client, refused):
    # PATH-021
    m = messages()
    hole = m.Path(elem=[m.PathElem(name="state"), m.PathElem(name=""), m.PathElem(name="system")])
    refused(lambda: client.get(hole), grpc.StatusCode.INVALID_ARGUMENT)


def test_case_13_no_data(client, refused):
    # GET-014 GET-013
    none = "/configure/router[router-name=Base]/interface[interface-name=none]"
    refused(lambda: client.get(none), grpc.StatusCode.NOT_FOUND, "interface-name=none")
    assert client.find(none.replace("none", "*") + "/description") == {}


def test_case_19_json_ietf(gnmic, client):
    # ENC-052 GET-023
    (answer,) = gnmic("-e", "json_ietf", "get", "--path", "/configure/system").ok().documents
    (printed,) = answer["updates"][0]["values"].values()
    assert printed["nokia-conf:name"] == "ganymede-lab"
    nested = printed["nokia-conf:grpc"]
    assert nested["admin-state"] == "enable", "members of the same module carry no prefix"


def test_case_19_wide_integers_are_strings(client):
    # ENC-051 ENC-052
    for encoding in ("JSON", "JSON_IETF"):
        for where, octets in client.find("/state/port/statistics/in-octets", encoding=encoding).items():
            assert isinstance(octets, str) and octets.isdigit(), (where, octets)


def test_case_22_ascii(gnmic, client, refused):
    # ENC-003 GET-008 CAP-010
    gnmic("-e", "ascii", "get", "--path", NAME).refused("Unimplemented", "ASCII")
    refused(lambda: client.get(NAME, encoding="ASCII"), grpc.StatusCode.UNIMPLEMENTED, "ASCII")


def test_case_22_encoding_outside_the_enum(client, refused):
    # ENC-004
    refused(lambda: client.get(NAME, encoding=45), grpc.StatusCode.UNIMPLEMENTED, "45")


def test_case_23_key_with_slashes(gnmic, client):
    # PATH-032 PATH-044
    ports = client.find("/state/port[port-id=*]/oper-state")
    where = "/state/port[port-id=2/1/1]/oper-state"
    assert where in ports
    printed = gnmic("get", "--path", where).ok().leaves
    assert printed == [(where, ports[where])]
    (update,) = client.get(where).notification[0].update
    assert update.path.elem[1].key["port-id"].count("/") >= 1


def test_case_25_module_as_origin(daemon, client):
    # PATH-037 PATH-038
    assert "ganymede-lab" in pygnmi.cli(daemon.address, "-o", "get", "-x", f"nokia-conf:{NAME}")
    assert client.read(path(NAME, origin="nokia-conf")) == "ganymede-lab"
    assert client.read("/nokia-conf:configure/system/name") == "ganymede-lab"


def test_case_25_unknown_origin(gnmic, client, refused):
    # PATH-038
    gnmic("get", "--path", f"nowhere:{NAME}").refused("InvalidArgument", "nowhere")
    refused(lambda: client.get(path(NAME, origin="nowhere")), grpc.StatusCode.INVALID_ARGUMENT, "nowhere")


def test_case_25_origin_twice(client, refused):
    # PATH-039
    twice = path("system/name", origin="nokia-conf")
    refused(
        lambda: client.get(twice, prefix=path("/configure", origin="nokia-conf")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "origin",
    )


def test_case_26_openconfig(gnmic, client, refused):
    # PATH-038 GET-018 PATH-027
    def names(given):
        return {each for _, each in gnmic("get", "--path", given).ok().leaves}

    def same_names():
        # Interfaces of other workers come and go: what is there before and after is there in between.
        before = names("/interfaces/interface/name")
        with_origin = names("openconfig:/interfaces/interface/name")
        after = names("/interfaces/interface/name")
        assert "lo" in before & after
        assert before & after <= with_origin <= before | after
        return True

    eventually(same_names)
    both = client.get(NAME, "/interfaces/interface[name=lo]/state/name")
    assert [each for _, each in leaves(*both.notification)] == ["ganymede-lab", "lo"]
    refused(lambda: client.get(path(NAME, origin="openconfig")), grpc.StatusCode.INVALID_ARGUMENT, "configure")


def test_case_27_target_is_echoed(gnmic, client):
    # PATH-041 PATH-042 GET-021
    said = (
        gnmic("get", "--prefix", "/configure", "--target", "sr1", "--path", "system/name", "--format", "prototext")
        .ok()
        .out
    )
    assert re.search(r'target:\s*"sr1"', said)
    answer = client.get(NAME, NAME, prefix=messages().Path(target="sr1"))
    assert [each.prefix.target for each in answer.notification] == ["sr1", "sr1"]
    assert client.get(NAME).notification[0].prefix.target == ""
    assert client.get(path(NAME, target="stray")).notification[0].prefix.target == ""


def test_case_29_deprecated_element_strings(client, refused):
    # PATH-002 PATH-003 PATH-004 PATH-013
    m = messages()
    answer = client.get(m.Path(element=["configure", "system", "name"]))
    (update,) = answer.notification[0].update
    assert list(update.path.element) == ["configure", "system", "name"]
    assert value(update.val) == "ganymede-lab"

    listed = client.find("/state/port/oper-state")
    # A simulated port: interfaces of other workers come and go.
    where, state = next(each for each in listed.items() if "[port-id=2/" in each[0])
    port = re.search(r"\[port-id=(.*?)\]", where)[1]
    answer = client.get(m.Path(element=["state", f"port[port-id={port}]", "oper-state"]))
    assert value(answer.notification[0].update[0].val) == state

    assert client.read(m.Path(element=[""]), encoding="JSON_IETF", type="CONFIG").keys() >= {"nokia-conf:configure"}
    differing = m.Path(element=["state"], elem=path("/configure").elem)
    refused(lambda: client.get(differing), grpc.StatusCode.INVALID_ARGUMENT)


def test_case_40_name_wildcards(gnmic, client):
    # PATH-015 PATH-016 PATH-017 PATH-018 PATH-029
    one_level = client.find("/state/card/*/oper-state")
    assert one_level
    assert all(re.fullmatch(r"/state/card\[slot-number=\d+\]/hardware-data/oper-state", each) for each in one_level)
    any_level = client.find("/state/card/.../oper-state")
    assert set(one_level) < set(any_level), "the mda has an oper-state too"
    assert all(each.endswith("/oper-state") and "*" not in each for each in any_level)
    printed = gnmic("get", "--path", "/state/card/.../oper-state").ok().leaves
    assert dict(printed).keys() == any_level.keys()


def test_case_40_trailing_dots(client):
    # PATH-014
    def names(given):
        return sorted(text(update.path) for each in client.get(given).notification for update in each.update)

    assert names("/state/card/...") == names("/state/card")


def test_case_40_absent_keys(client):
    # PATH-010 PATH-011
    router = "/configure/router[router-name=Base]"
    interfaces = {f"{router}/interface[interface-name=w{n}]/description": f"wild {n}" for n in (1, 2)}
    client.set(update=list(interfaces.items()))
    try:
        assert client.find("/configure/router/interface/description") == interfaces
        assert client.find(f"{router}/interface[interface-name=*]/description") == interfaces
    finally:
        client.set(delete=[each.removesuffix("/description") for each in interfaces])


def depth(level):
    m = messages()
    return [m.Extension(depth=m.Depth(level=level))]


def test_case_51_depth(gnmic, client):
    # EXT-003 EXT-004 EXT-006 EXT-008
    shallow = client.read("/configure/system", type="CONFIG", extension=depth(1))
    assert shallow["name"] == "ganymede-lab"
    assert "grpc" not in shallow
    deeper = client.read("/configure/system", type="CONFIG", extension=depth(2))
    assert deeper["grpc"]["admin-state"] == "enable"
    assert "gnmi" not in deeper["grpc"]
    whole = client.read("/configure/system", type="CONFIG")
    assert client.read("/configure/system", type="CONFIG", extension=depth(0)) == whole
    gnmic("get", "--path", "/configure", "--depth", "1").ok()


def test_case_51_unknown_extensions_are_ignored(client):
    # EXT-001 EXT-002
    m = messages()
    registered = m.Extension(registered_ext=m.RegisteredExtension(id=999, msg=b"\x01"))
    answer = client.get(NAME, extension=[registered, m.Extension()])
    assert leaves(*answer.notification) == [(NAME, "ganymede-lab")]
    assert not answer.extension


def test_case_24_hostile_key_round_trip(gnmic, client):
    # PATH-032 PATH-033 PATH-034 SET-018
    hostile = 'a]b c:d"e\\f/[g=h]'
    m = messages()
    elems = [
        m.PathElem(name="configure"),
        m.PathElem(name="router", key={"router-name": "Base"}),
        m.PathElem(name="interface", key={"interface-name": hostile}),
    ]
    entry = m.Path(elem=elems)
    description = m.Path(elem=[*elems, m.PathElem(name="description")])
    client.set(update=[(description, typed(string_val="hostile"))])
    try:
        (update,) = client.get(description).notification[0].update
        assert update.path.elem[2].key["interface-name"] == hostile
        (notification,) = client.once(m.Subscription(path=description))
        full = [*notification.prefix.elem, *notification.update[0].path.elem]
        assert full[2].key["interface-name"] == hostile
        # gnmic keeps a backslash as it is, and needs one before a bracket only.
        typed_by_hand = 'a\\]b c:d"e\\f/\\[g=h\\]'
        printed = gnmic("get", "--path", f"/configure/router/interface[interface-name={typed_by_hand}]/description")
        assert [each for _, each in printed.ok().leaves] == ["hostile"]
    finally:
        client.set(delete=[entry])
    with pytest.raises(grpc.RpcError) as caught:
        client.get(description)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
