"""Compression and size: gzip, large answers, the limit of a Get and the way around it."""

import os
import subprocess

import grpc
import pytest

from harness import leave_out
from harness.gnmic import Gnmic
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import Connection, assert_refusal, messages, path

BULK_YANG = """
module interop-bulk {
  yang-version 1.1;
  namespace "urn:ganymede:interop:bulk";
  prefix bulk;
  revision 2026-01-01;
  container bulk {
    list item {
      key name;
      leaf name { type string; }
      leaf text { type string; }
    }
  }
}
"""
ITEMS, ITEM_BYTES = 400, 50_000
MEGABYTE = 2**20


def test_case_45_gzip(daemon, location):
    # TLS-033
    location("packed")
    gnmic = Gnmic(daemon.address, "--insecure", "--gzip")
    place = "/configure/system/location"
    assert gnmic("get", "--path", place).ok().leaves == [(place, "packed")]
    assert (place, "packed") in gnmic("sub", "--mode", "once", "--path", "/configure/system").ok().leaves
    with gnmic.stream("sub", "--path", place, "--stream-mode", "on-change") as stream:
        assert gnmic_leaves(*stream.synced()) == [(place, "packed")]


@pytest.fixture(scope="module")
def bulk_yang(tmp_path_factory):
    directory = tmp_path_factory.mktemp("yang")
    (directory / "interop-bulk.yang").write_text(BULK_YANG)
    return f'\n[yang]\ndirs = ["{directory}"]\n'


def fill(session):
    """Writes 20 MB in Sets of 1 MB."""
    text = "x" * ITEM_BYTES
    for start in range(0, ITEMS, 20):
        entries = [{"name": f"item {n}", "text": text} for n in range(start, start + 20)]
        session.set(update=[("/bulk/item", entries)], timeout=60)


def test_case_46_large_get(new_daemon, bulk_yang):
    # GET-011 GET-029 SUB-018
    daemon = new_daemon(extra=bulk_yang)
    with Connection(daemon.address, max_receive=-1) as session:
        fill(session)
        answer = session.get("/", type="CONFIG", timeout=60)
        assert answer.ByteSize() > ITEMS * ITEM_BYTES
    said = Gnmic(daemon.address, "--insecure", "--timeout", "60s")(
        "get", "--path", "/", "-t", "config", timeout=90
    ).ok()
    assert len(said.out) > ITEMS * ITEM_BYTES


def test_case_46_beyond_the_limit_once_delivers(new_daemon, bulk_yang):
    # GET-010 GET-012 GET-029 LIM-011 SUB-018
    daemon = new_daemon(extra=f"{bulk_yang}\n[limits]\nget-response-bytes = {10 * MEGABYTE}\n")
    # A client with the usual limit of 4 MB for a message.
    with Connection(daemon.address) as session:
        fill(session)
        with pytest.raises(grpc.RpcError) as caught:
            session.get("/", type="CONFIG", timeout=60)
        assert_refusal(caught.value.code(), caught.value.details(), grpc.StatusCode.RESOURCE_EXHAUSTED, "ONCE")
        session.capabilities()
        notifications = session.once("/bulk", timeout=60)
    texts = [each.val.json_val for notification in notifications for each in notification.update]
    assert sum(len(each) > ITEM_BYTES for each in texts) == ITEMS
    assert max(each.ByteSize() for each in notifications) < 4 * MEGABYTE


def grpc1(daemon, method, request=b"", password="admin"):
    """An RPC by gRPC as it was in 2016: the responses, and code and text of the status."""
    program = os.environ.get("GRPC1")
    if not program:
        leave_out("needs grpc1: install Go >= 1.25")
    command = [program, daemon.address, "admin", password, method, request.hex()]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    *responses, status = said.stdout.splitlines()
    return [bytes.fromhex(each) for each in responses], status


def test_a_client_of_grpc_1_0(daemon):
    # TLS-033
    m = messages()
    answers, status = grpc1(daemon, "/gnmi.gNMI/Capabilities")
    assert status.split() == ["OK"], status
    assert m.CapabilityResponse.FromString(answers[0]).gNMI_version == "0.8.0"
    asked = m.GetRequest(path=[path("/configure/system/name")])
    answers, status = grpc1(daemon, "/gnmi.gNMI/Get", asked.SerializeToString())
    assert status.split() == ["OK"], status
    assert len(m.GetResponse.FromString(answers[0]).notification) == 1
    once = m.SubscriptionList(mode="ONCE", subscription=[m.Subscription(path=path("/configure/system"))])
    answers, status = grpc1(daemon, "/gnmi.gNMI/Subscribe", m.SubscribeRequest(subscribe=once).SerializeToString())
    assert status.split() == ["OK"], status
    *updates, sync = [m.SubscribeResponse.FromString(each) for each in answers]
    assert updates and sync.sync_response
    answers, status = grpc1(daemon, "/gnmi.gNMI/Capabilities", password="wrong")
    assert not answers
    assert status.startswith("Unauthenticated MINOR: MGMT_CORE #2010: "), status
    answers, status = grpc1(daemon, "/gnmi.gNMI/Nothing")
    assert not answers
    assert status.startswith("Unimplemented MINOR: MGMT_CORE #2221: "), status
