"""gnmic beyond the four RPCs: comparing nodes, templates, conditions, paths out of YANG files, output formats."""

import json
import re
import shutil
import subprocess

import pytest

from harness import REPOSITORY
from harness.daemon import binary
from harness.gnmic import ENVIRONMENT
from harness.wire import SECOND, Connection

LOCATION = "/configure/system/location"
INTERFACE = "/configure/router[router-name=Base]/interface[interface-name=twin]"
YANG = [f"--file={REPOSITORY / 'yang' / each}" for each in ("nokia", "openconfig", "ganymede")]


@pytest.fixture
def twins(new_daemon):
    """Two daemons with one configuration: the second one starts on a copy of what the first one saved."""
    first = new_daemon()
    with Connection(first.address) as session:
        session.set(update=[(f"{INTERFACE}/description", "same"), (LOCATION, "zurich")])
    assert first.terminate() == 0
    second = new_daemon()
    assert second.terminate() == 0
    shutil.rmtree(second.data_dir)
    shutil.copytree(first.data_dir, second.data_dir)
    return first.start(), second.start()


class Diff:
    """`gnmic diff` of two daemons: the lines that differ, `+` or `-` and the path with its value."""

    def __init__(self, gnmic, first, second):
        self.binary = gnmic.binary
        self.ends = ["--ref", first.address, "--compare", second.address]

    def __call__(self, *arguments):
        command = [self.binary, "-u", "admin", "-p", "admin", "--insecure", "diff", *self.ends, *arguments]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        assert "failed" not in done.stderr, done.stderr
        return [re.sub(r"\s+", " ", line) for line in done.stdout.splitlines() if line.strip()]


def test_case_52_diff(gnmic, twins):
    first, second = twins
    diff = Diff(gnmic, first, second)
    for how in (["--path", "/configure", "-t", "config"], ["--path", "/configure", "--sub"]):
        assert diff(*how) == [], how
    with Connection(second.address) as session:
        session.set(update=[(LOCATION, "bern")], delete=[f"{INTERFACE}/description"])
    # gnmic names entries by their number in Get, by their key in Subscribe.
    assert diff("--path", "/configure", "-t", "config") == [
        "- /configure/router.0/interface.0/description: same",
        "- /configure/system/location : zurich",
        "+ /configure/system/location : bern",
    ]
    assert sorted(diff("--path", "/configure", "--sub")) == [
        "+ /configure/system/location : bern",
        f"- {INTERFACE}/description: same",
        "- /configure/system/location : zurich",
    ]


def test_getset(gnmic, client):
    client.set(update=[(LOCATION, "before")])
    change = ["--update", f'"{LOCATION}"', "--value", '"after"']

    def getset(name):
        condition = f'any(.[].updates[].values[]; . == "{name}")'
        gnmic("getset", "--get", "/configure/system/name", "--condition", condition, *change).ok()

    getset("another-node")
    assert client.read(LOCATION) == "before"
    getset("ganymede-lab")
    assert client.read(LOCATION) == "after"


def test_set_from_a_template(gnmic, daemon, client, tmp_path):
    # SET-003
    entry = "/configure/router[router-name=Base]/interface[interface-name=template]"
    client.set(update=[(f"{entry}/ip-mtu", 1400)])
    template, variables = tmp_path / "request.yaml", tmp_path / "variables.yaml"
    template.write_text(
        f"""
updates:
  - path: {LOCATION}
    value: '{{{{ index .Vars .TargetName "place" }}}}'
    encoding: json
replaces:
  - path: {entry}
    encoding: json_ietf
    value:
      description: by template
deletes:
  - {entry}
"""
    )
    variables.write_text(f"{daemon.address}:\n  place: olten\n")
    said = gnmic("set", "--request-file", str(template), "--request-vars", str(variables)).ok()
    assert [each["operation"] for each in said.documents[0]["results"]] == ["DELETE", "REPLACE", "UPDATE"]
    assert client.read(LOCATION) == "olten"
    assert client.read(entry, type="CONFIG")["description"] == "by template"
    assert client.find("/configure/router[router-name=Base]/interface[interface-name=*]/ip-mtu") == {}
    client.set(delete=[entry])


def test_set_from_what_gnmic_generates(gnmic, client, tmp_path):
    # C-37: gnmic writes every number of a template as text.
    keepalive = "/configure/system/grpc/tcp-keepalive"
    generated = gnmic("generate", "set-request", "--dir", str(REPOSITORY / "yang"), YANG[0], "--replace", keepalive).ok()
    assert 'idle-time: "600"' in generated.out
    request = tmp_path / "generated.yaml"
    request.write_text(generated.out.replace('"600"', '"700"'))
    gnmic("set", "--request-file", str(request)).ok()
    assert client.read(f"{keepalive}/idle-time") == 700
    client.set(delete=[keepalive])


def test_paths_out_of_our_yang_files(gnmic, client):
    # OCH-006 PATH-030
    def paths(flag):
        said = gnmic("path", "--dir", str(REPOSITORY / "yang"), *YANG, flag).ok()
        return set(re.findall(r"^/\S.*$", said.out, re.M))

    state, config = paths("--state-only"), paths("--config-only")
    announced = subprocess.check_output([binary(), "on-change-paths"], text=True, timeout=30).splitlines()
    assert len(state) > len(announced) > 100 and set(announced) <= state
    # Every path that a collector's author can find in the files can be subscribed to.
    for some in (state, config):
        client.once(*sorted(some))


def test_formats(gnmic, client):
    # PATH-044
    states = client.find("/state/port[port-id=*]/oper-state")
    where = ["--path", "/state/port[port-id=*]/oper-state"]
    events = json.loads(gnmic("sub", "--mode", "once", *where, "--format", "event").ok().out)
    found = {f"/state/port[port-id={each['tags']['port_port-id']}]/oper-state": each["values"] for each in events}
    assert found.keys() >= {each for each in states if "port-id=2/" in each}
    assert all(list(values) == ["/state/port/oper-state"] for values in found.values())
    flat = gnmic("get", *where, "--format", "flat").ok().out
    assert "/state/port[port-id=2/1/1]/oper-state: up" in flat.splitlines()
    for form in ("protojson", "prototext"):
        assert "oper-state" in gnmic("get", *where, "--format", form).ok().out


def test_get_with_models(gnmic):
    # GET-009
    said = gnmic("get", "--model", "nokia-conf", "--path", "/configure/system/name", "--values-only").ok()
    assert json.loads(said.out) == ["ganymede-lab"]


def test_latency_is_of_this_moment(gnmic):
    # SUB-025
    (update, _) = gnmic(
        "sub", "--mode", "once", "--path", "/configure/system/name", "--calculate-latency", "-q", "20"
    ).ok().documents
    assert 0 < update["latency-nano"] < 5 * SECOND
