"""BYTES: path and value as protobuf, read by gnmic and by Google's protobuf with the .proto file of the daemon."""

import re
import subprocess

import pytest
from google.protobuf import descriptor_pool, message_factory

from harness import eventually
from harness.daemon import Daemon, binary
from harness.gnmic import Gnmic
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import descriptors, leaves, path, value

FILE = "ganymede-combined-model.proto"


@pytest.fixture(scope="module")
def proto(tmp_path_factory):
    """The directory with the .proto file."""
    out = tmp_path_factory.mktemp("proto")
    said = subprocess.run([binary(), "proto", "--out", out], capture_output=True, text=True, timeout=20, check=True)
    assert said.stdout.strip() == str(out / FILE)
    return out


@pytest.fixture(scope="module")
def still_daemon(tmp_path_factory):
    """A lab without this machine, whose links come, go and change between two looks."""
    daemon = Daemon(tmp_path_factory.mktemp("still"))
    text = daemon.config.read_text()
    assert text.count("[platform.linux]\nenabled = true\n") == 1
    daemon.config.write_text(text.replace("[platform.linux]\nenabled = true\n", "[platform.linux]\nenabled = false\n"))
    daemon.start()
    yield daemon
    daemon.stop()
    daemon.assert_no_panic()


@pytest.fixture(scope="module")
def root(proto):
    """The class of the root message, as protoc and Google's protobuf make it."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors(proto / FILE, proto).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Nokia.SROS.root"))


def folded(name):
    """A name without what protobuf's JSON changes: case, hyphens and underscores."""
    return re.sub("[^a-z0-9]", "", name.lower())


def decoded(roots, said):
    """The leaves in decoded root messages, by their folded paths. Which names are keys is taken from the paths of
    `said`, the same leaves in JSON."""
    keys = {}
    for text, _ in said:
        at = ""
        for elem in path(text).elem:
            at += "/" + folded(elem.name)
            if elem.key:
                keys[at] = sorted(elem.key)
    found = {}

    def walk(message, at, written):
        for name, held in message.items():
            below = f"{at}/{folded(name)}"
            if isinstance(held, list) and below in keys:
                for entry in held:
                    by_name = {folded(each): plain(entry[each]) for each in entry if is_leaf(entry[each])}
                    predicates = "".join(f"[{key}={by_name[folded(key)]}]" for key in keys[below])
                    walk(entry, below, f"{written}/{folded(name)}{predicates}")
            elif is_leaf(held):
                found[f"{written}/{folded(name)}"] = plain(held)
            else:
                walk(held, below, f"{written}/{folded(name)}")

    for each in roots:
        walk(each, "", "")
    return found


def is_leaf(held):
    """A wrapper or a union; an empty object is a leaf with its default."""
    if isinstance(held, list):
        return all(is_leaf(each) for each in held)
    return not held or set(held) == {"value"} or set(held) == {"digits", "precision"} or is_union(held)


def is_union(held):
    return len(held) == 1 and next(iter(held)).endswith("Value")


def plain(held):
    """What a wrapper holds, as text that can be compared."""
    if isinstance(held, list):
        return [plain(each) for each in held]
    if not isinstance(held, dict):
        return str(held).lower() if isinstance(held, bool) else str(held)
    if "digits" in held:
        return str(int(held["digits"]) / 10 ** held.get("precision", 0))
    return plain(next(iter(held.values()))) if held else ""


def same(of_json, of_bytes):
    if isinstance(of_json, list) and of_json != [None]:
        return len(of_json) == len(of_bytes) and all(map(same, of_json, of_bytes))
    if of_bytes == "":
        return of_json in (0, "0", False, "", [None])
    # The name of an enumeration value is made an identifier, that of an identity states its module.
    return folded(plain(of_json)) in (folded(of_bytes), folded(of_bytes.rpartition(":")[2]))


def assert_same(said, roots):
    found = decoded(roots, said)
    for text, wanted in said:
        elems = path(text).elem
        at = "".join(
            f"/{folded(elem.name)}" + "".join(f"[{key}={elem.key[key]}]" for key in sorted(elem.key)) for elem in elems
        )
        assert at in found, f"{text} is not in BYTES"
        assert same(wanted, found[at]), f"{text}: {wanted!r} in JSON, {found[at]!r} in BYTES"
    assert said


@pytest.mark.parametrize("files", ["dir", "file"])
@pytest.mark.parametrize(
    "given, mode",
    [("/configure", "on-change"), ("/state/port[port-id=*]/oper-state", "on-change"), ("/components/component[name=*]/state/type", "sample")],
)
def test_case_21_bytes_through_gnmic(still_daemon, proto, files, given, mode):
    # ENC-001 ENC-019 ENC-042 ENC-043 ENC-044
    sub = ["sub", "--path", given, "--stream-mode", mode]
    if mode == "sample":
        sub += ["--sample-interval", "60s"]
    # gnmic takes a full path only together with a directory.
    flags = ["--proto-dir", proto, "--proto-file", FILE if files == "dir" else proto / FILE]
    still = Gnmic(still_daemon.address, "--insecure")
    with still.stream("-e", "json", *sub) as stream:
        said = gnmic_leaves(*stream.synced())
    with still.stream("-e", "bytes", *flags, *sub) as stream:
        documents = stream.synced()
    assert not any(document.get("prefix") for document in documents)
    updates = [update for document in documents for update in document["updates"]]
    assert {update["Path"] for update in updates} == {""}
    assert_same(said, [update["values"][""] for update in updates])


def test_case_21_a_change_through_gnmic(gnmic, proto, location):
    # ENC-042
    location("zurich")
    sub = ["sub", "--path", "/configure/system/location", "--stream-mode", "on-change"]
    with gnmic.stream("-e", "bytes", "--proto-dir", proto, "--proto-file", FILE, *sub) as stream:
        stream.synced()
        location("bern")
        changed = eventually(stream.after_sync)
    wanted = {"configure": {"system": {"location": {"value": "bern"}}}}
    assert changed[0]["updates"][0]["values"][""] == wanted


@pytest.mark.parametrize("given", ["/configure", "/state/port", "/interfaces"])
def test_bytes_through_protoc(client, root, given):
    # ENC-042 ENC-043 ENC-044 GET-024 SUB-016
    (notification,) = client.once(given, encoding="BYTES")
    (update,) = notification.update
    assert update.val.WhichOneof("value") == "proto_bytes"
    streamed = root.FromString(value(update.val))
    (update,) = client.get(given, encoding="BYTES").notification[0].update
    got = root.FromString(value(update.val))
    for message in (streamed, got):
        size = message.ByteSize()
        message.DiscardUnknownFields()
        assert size == message.ByteSize() > 0, "fields that the file does not know"
    if given == "/configure":
        assert streamed == got
        name = got.configure.system.name
        assert leaves(*client.get("/configure/system/name").notification) == [("/configure/system/name", name.value)]
        # A leaf that is there and false differs from one that is not there.
        system = got.configure.system
        assert system.HasField("icmp_vse") and not system.icmp_vse.value
        assert not system.HasField("boot_bad_exec")


def test_type_map_through_gnmic(gnmic):
    # ENC-045 ENC-046 ENC-047
    wanted = {
        "gnmi-protobuf-encoding:origin": [
            {"name": "", "container": [{"path": "/", "message-name": "proto.nokia.net/Nokia.SROS.root"}]}
        ]
    }
    for given in ("gnmi.schemas:/", "gnmi.schemas:/protobuf-typemap"):
        (document,) = gnmic("-e", "json_ietf", "get", "--path", given).ok().documents
        (update,) = document["updates"]
        assert update == {"Path": "gnmi.schemas:/protobuf-typemap", "values": {"protobuf-typemap": wanted}}
    gnmic("set", "--delete", "gnmi.schemas:/protobuf-typemap").refused("InvalidArgument", "only Get")
