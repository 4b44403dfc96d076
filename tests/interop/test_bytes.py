"""The encoding BYTES, read with the .proto file that the daemon's own binary writes."""

import subprocess

import pytest
from google.protobuf import descriptor_pool, message_factory

from harness import eventually
from harness.daemon import binary
from harness.wire import descriptors, subscription

FILE = "ganymede-combined-model.proto"


@pytest.fixture(scope="module")
def protos(tmp_path_factory):
    """The directory with the .proto file."""
    directory = tmp_path_factory.mktemp("proto")
    subprocess.run([binary(), "proto", "--out", directory], check=True, timeout=60)
    assert (directory / FILE).exists()
    return directory


@pytest.fixture(scope="module")
def root(protos):
    """The message Nokia.SROS.root."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors(protos / FILE, protos).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Nokia.SROS.root"))


def decoded(root, update):
    assert not update.path.elem and update.val.WhichOneof("value") == "proto_bytes"
    return root.FromString(update.val.proto_bytes)


def test_case_21_bytes_by_the_proto_file(client, root):
    # ENC-001
    (notification,) = client.once("/state/system/up-time", encoding="BYTES")
    (update,) = notification.update
    before = int(client.read("/state/system/up-time"))
    assert 0 < decoded(root, update).state.system.up_time.value <= before
    name, *_ = client.get("/configure/system/name", encoding="BYTES").notification[0].update
    assert decoded(root, name).configure.system.name.value == client.read("/configure/system/name")


def test_case_21_streamed_counters(client, root):
    # SUB-014
    wanted = subscription("/state/port[port-id=2/1/1]", mode="SAMPLE", sample_interval=10**9)
    stream = client.subscribe(wanted, mode="STREAM", encoding="BYTES")
    octets = []
    for notification in [*stream.until_sync(), *(each for _, each in stream.during(2.5))]:
        for update in notification.update:
            (port,) = decoded(root, update).state.port
            assert port.port_id.value == "2/1/1", "keys come with each piece"
            if port.statistics.HasField("in_octets"):
                octets.append(port.statistics.in_octets.value)
    assert len(octets) == 3 and octets == sorted(octets) and octets[0] < octets[-1]


def test_case_21_through_gnmic(gnmic, protos):
    # ENC-001
    flags = ("--proto-dir", str(protos), "--proto-file", FILE)
    where = ("--path", "/state/port[port-id=2/1/1]/oper-state", "--stream-mode", "on-change")
    with gnmic.stream("-e", "bytes", *flags, "sub", *where) as stream:

        def value():
            updates = [update for each in stream.documents for update in each.get("updates", [])]
            return next((value for update in updates for value in update["values"].values()), None)

        said = eventually(value)
    (port,) = said["state"]["port"]
    assert port == {"portId": {"value": "2/1/1"}, "operState": {"value": "up"}}
