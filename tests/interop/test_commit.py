"""Commits that have to be confirmed, arbitration between masters, and unions that replace what was there."""

import json

import grpc
import pytest

from harness import eventually
from harness.gnmic import Gnmic
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import Connection, assert_refusal, leaves, messages, subscription, typed

LOCATION = "/configure/system/location"
ROUTER = "/configure/router[router-name=Base]"
CHANGE = ("--update-path", LOCATION, "--update-value")


@pytest.fixture
def own(new_daemon):
    """A daemon of this case: a commit that waits keeps everybody else from changing anything."""
    daemon = new_daemon()
    gnmic = Gnmic(daemon.address, "--insecure")
    with Connection(daemon.address) as session:
        session.set(update=[(LOCATION, "before")])
        yield daemon, gnmic, session


def test_case_47_taken_back_when_nobody_confirms(own):
    # EXT-009 EXT-011 OCH-018
    daemon, gnmic, session = own
    with gnmic.stream("sub", "--path", LOCATION, "--stream-mode", "on-change") as watch:
        watch.synced()
        request = ("--commit-id", "c1", "--commit-request", "--rollback-duration", "5s")
        asked = gnmic("set", *request, *CHANGE, "after").ok().documents[0]["timestamp"]
        eventually(lambda: len(watch.after_sync()) == 2, timeout=10)
        seen = watch.after_sync()
        assert gnmic_leaves(*seen) == [(LOCATION, "after"), (LOCATION, "before")]
        # Not a moment too early. How late it may be is asked where no other process takes the time (commit_confirmed.rs).
        assert seen[1]["timestamp"] - asked >= 5e9
    assert session.read(LOCATION) == "before"
    assert "c1" in daemon.log
    gnmic("set", *CHANGE, "free again").ok()


def test_case_48_confirm_cancel_and_what_else(own):
    # EXT-012 EXT-013 EXT-014 EXT-015 EXT-016
    _, gnmic, session = own

    def commit(ident, *flags):
        return gnmic("set", "--commit-id", ident, *flags)

    commit("c1", "--commit-confirm").refused("FailedPrecondition")
    commit("c1", "--commit-request", "--rollback-duration", "60s", *CHANGE, "confirmed").ok()
    assert session.read(LOCATION) == "confirmed", "in effect while it waits"
    commit("c2", "--commit-request", "--rollback-duration", "60s", *CHANGE, "second").refused(
        "FailedPrecondition", "c1"
    )
    gnmic("set", *CHANGE, "plain").refused("FailedPrecondition", "c1")
    for wrong in ("--commit-confirm", "--commit-cancel"):
        commit("c3", wrong).refused("InvalidArgument", "c3")
    commit("c1", "--commit-confirm").ok()
    assert session.read(LOCATION) == "confirmed"

    commit("c4", "--commit-request", "--rollback-duration", "60s", *CHANGE, "cancelled").ok()
    commit("c4", "--commit-cancel").ok()
    assert session.read(LOCATION) == "confirmed"

    commit("c5", "--commit-request", "--rollback-duration", "60s", *CHANGE, "extended").ok()
    commit("c5", "--rollback-duration", "1s").ok()
    eventually(lambda: session.read(LOCATION) == "confirmed")
    commit("c5", "--commit-confirm").refused("FailedPrecondition")


def test_case_49_no_duration_is_ten_minutes(own):
    # EXT-009
    _, gnmic, session = own
    gnmic("set", "--commit-id", "c1", "--commit-request", *CHANGE, "after").ok()
    said = gnmic("set", *CHANGE, "plain").refused("FailedPrecondition", "c1")
    left = int((said.out + said.err).split(" s left")[0].rsplit(" ", 1)[1])
    assert 580 < left <= 600
    gnmic("set", "--commit-id", "c1", "--commit-confirm").ok()
    assert session.read(LOCATION) == "after"


REQUEST = """
update: {{
  path: {{ elem: {{ name: "configure" }} elem: {{ name: "system" }} elem: {{ name: "location" }} }}
  val: {{ string_val: "{value}" }}
}}
extension: {{ master_arbitration: {{ role: {{ id: "writer" }} {election} }} }}
"""


def test_case_50_master_arbitration(own, tmp_path):
    # EXT-020 EXT-021 EXT-022
    _, gnmic, session = own

    def master(value, election):
        file = tmp_path / "request.textproto"
        file.write_text(REQUEST.format(value=value, election=election))
        return gnmic("set", "--set-proto-request-file", str(file))

    master("seven", "election_id: { low: 7 }").ok()
    master("three", "election_id: { low: 3 }").refused("PermissionDenied", "7")
    assert session.read(LOCATION) == "seven"
    master("none", "").refused("InvalidArgument")
    master("eight", "election_id: { low: 8 }").ok()
    assert session.read(LOCATION) == "eight"
    gnmic("set", *CHANGE, "without").ok()


def test_case_47_a_kill_takes_it_back(own):
    # EXT-014 EXT-019
    daemon, gnmic, _ = own
    gnmic("set", "--commit-id", "c1", "--commit-request", *CHANGE, "confirmed").ok()
    gnmic("set", "--commit-id", "c1", "--commit-confirm").ok()
    for end in (daemon.kill, daemon.terminate):
        gnmic("set", "--commit-id", "c2", "--commit-request", *CHANGE, "waiting").ok()
        end()
        daemon.start()
        assert gnmic("get", "--path", LOCATION).ok().leaves == [(LOCATION, "confirmed")]
        assert "c2" in daemon.log
    gnmic("set", *CHANGE, "nothing waits").ok()


def test_case_50_union_replace(own, tmp_path):
    # EXT-035 EXT-036 LIM-012
    _, gnmic, session = own
    session.set(update=[("/configure/system/contact", "stays"), (f"{ROUTER}/interface[interface-name=old]", {})])
    contents = {
        "/configure/router": [{"router-name": "Base", "interface": [{"interface-name": "new"}]}],
        "/interfaces/interface[name=sim-1]/config": {"name": "sim-1", "type": "ethernetCsmacd", "mtu": 1400},
    }
    flags = []
    for number, (where, content) in enumerate(contents.items()):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(content))
        flags += ["--union-replace-path", where, "--union-replace-file", str(file)]
    answer = gnmic("set", *flags).ok().documents[0]
    assert [each["operation"] for each in answer["results"]] == ["UNION_REPLACE"] * 2
    assert gnmic("get", "--path", "/configure/router/interface/interface-name", "--values-only").ok().documents == ["new"]
    assert session.read("/interfaces/interface[name=sim-1]/config/mtu") == 1400
    assert session.read("/configure/system/contact") == "stays"
    m = messages()
    mixed = m.SetRequest(
        union_replace=[m.Update(path=m.Path(), val=typed(json_val=b"{}"))],
        delete=[m.Path(elem=[m.PathElem(name="configure"), m.PathElem(name="system"), m.PathElem(name="location")])],
    )
    with pytest.raises(grpc.RpcError) as caught:
        session.send_set(mixed)
    code = caught.value.code()
    assert_refusal(code, caught.value.details(), grpc.StatusCode.INVALID_ARGUMENT, "union_replace")
    assert session.read(LOCATION) == "before"


def test_case_50_command_lines(own):
    # EXT-037
    _, gnmic, session = own
    for flag in ("--update-cli", "--replace-cli"):
        gnmic("set", flag, "/configure system location x").refused("Unimplemented", "'cli'", "not supported")
    assert session.read(LOCATION) == "before"


def test_configuration_subscription_tells_commits_apart(own):
    # EXT-030 EXT-031 EXT-032
    _, gnmic, session = own
    m = messages()
    start = m.Extension(config_subscription=m.ConfigSubscription(start=m.ConfigSubscriptionStart()))
    stream = session.subscribe(subscription("/configure/system", mode="ON_CHANGE"), mode="STREAM", extension=[start])
    stream.until_sync()
    gnmic("set", *CHANGE, "plain").ok()
    gnmic("set", "--commit-id", "c1", "--commit-request", *CHANGE, "waiting").ok()
    gnmic("set", "--commit-id", "c1", "--commit-cancel").ok()
    seen = []
    for value, ident in (("plain", ""), ("waiting", "c1"), ("plain", "c1")):
        assert leaves(stream.next()) == [(LOCATION, value)]
        _, response = stream.arrival()
        (extension,) = response.extension
        done = extension.config_subscription.sync_done
        assert done.done and done.commit_confirm_id == ident
        seen.append(int(done.server_commit_id))
    assert seen == list(range(seen[0], seen[0] + 3))
