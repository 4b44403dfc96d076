"""Compression and size: gzip, large answers, the limit of a Get and the way around it."""

import grpc
import pytest

from harness.gnmic import Gnmic
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import Connection, assert_refusal

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
