"""Configuration that takes effect on Linux: set over gNMI, checked with `ip`, and seen again through telemetry.

Each case has a machine of its own (harness/box.py). What is written of the machine here: the links eth1 and eth2 are the
ports 1/1/1 and 1/1/2, each with a neighbour at the other end.
"""

import time

import pytest

from harness import eventually
from harness.box import Box, appliers, failures, run
from harness.gnmic import Gnmic
from harness.wire import deletes, leaves, subscription

BASE = "/configure/router[router-name=Base]"
PORT = "/configure/port[port-id=1/1/1]"
CORE = f"{BASE}/interface[interface-name=core]"
OPENCONFIG = "/interfaces/interface[name=eth1]"
LINKS = ("admin-state", "mtu", "description", "addresses", "static-routes")


@pytest.fixture
def box(tmp_path, worker_id):
    """Makes boxes that only this case uses; they vanish with it."""
    number = int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0
    made = []

    def make(*names, **fields):
        box = Box(tmp_path / f"box{len(made)}", number, names, **fields)
        made.append(box)
        return box.__enter__()

    yield make
    for box in made:
        box.__exit__()


def on_change(client, *paths):
    stream = client.subscribe(*(subscription(each, mode="ON_CHANGE") for each in paths), mode="STREAM")
    stream.until_sync()
    return stream


def arrives(stream, path, wanted, timeout=10):
    """Waits until a subscription tells this value of a leaf, or that it is gone when `wanted` is None."""

    def check():
        _, response = stream.arrival(timeout)
        if wanted is None:
            return any(path.startswith(each) for each in deletes(response.update))
        return (path, wanted) in leaves(response.update)

    eventually(check, timeout)


def primary(address, length=24):
    return (f"{CORE}/ipv4/primary", {"address": address, "prefix-length": length})


def test_nothing_is_touched_unless_asked_for(box):
    box = box()

    def machine():
        return box.shown("addr", "show", "dev", "eth1"), box.routes(), box.hostname()

    before = machine()
    with box.connection() as client:
        client.set(
            update=[
                (f"{PORT}/admin-state", "disable"),
                (f"{PORT}/description", "nobody sees this"),
                (f"{CORE}/port", "1/1/1"),
                primary("192.0.2.1"),
                ("/configure/system/name", "another-name"),
            ]
        )
        time.sleep(1)
        assert machine() == before
        assert "linux" not in client.read("/state/system")


def test_links_follow_and_go_back(box):
    box = box(*LINKS)
    gnmic = Gnmic(box.address, "--insecure")
    before = box.link("eth1")
    oper, mtu, alias = (f"{OPENCONFIG}/state/{leaf}" for leaf in ("oper-status", "mtu", "description"))
    with box.connection() as client:
        stream = on_change(client, oper, mtu, alias)
        sets = [("admin-state", "disable"), ("description", "to core 1"), ("ethernet/mtu", "9014")]
        words = [word for leaf, value in sets for word in ("--update-path", f"{PORT}/{leaf}", "--update-value", value)]
        gnmic("set", *words).ok()
        eventually(lambda: not box.is_up("eth1"))
        eventually(lambda: box.link("eth1").get("ifalias") == "to core 1")
        assert box.link("eth1")["mtu"] == 9000
        for path, wanted in ((oper, "DOWN"), (mtu, 9000), (alias, "to core 1")):
            assert eventually(lambda path=path, wanted=wanted: client.read(path) == wanted)
        arrives(stream, oper, "DOWN")
        client.set(update=[(f"{PORT}/admin-state", "enable")])
        eventually(lambda: box.is_up("eth1"))
        arrives(stream, oper, "UP")
        # What is deleted is as it was before it was configured.
        client.set(delete=[PORT])
        eventually(lambda: box.link("eth1")["mtu"] == before["mtu"] and "ifalias" not in box.link("eth1"))
        assert box.is_up("eth1")
        client.set(update=[(f"{PORT}/admin-state", "disable")])
        eventually(lambda: not box.is_up("eth1"))
        client.set(delete=[f"{PORT}/admin-state"])
        eventually(lambda: box.is_up("eth1"))
        assert box.is_up("eth2") and "ifalias" not in box.link("eth2")
        assert failures(client) == {}


def test_addresses_come_and_go(box):
    box = box(*LINKS)
    box.ip("addr", "add", "203.0.113.7/24", "dev", "eth1")
    run("ip", "-n", box.far, "addr", "add", "192.0.2.2/24", "dev", "far1")
    state = "/state/router[router-name=Base]/interface[interface-name=eth1]"
    told = f"{OPENCONFIG}/subinterfaces/subinterface[index=0]/ipv4/addresses/address[ip=192.0.2.1]/state/prefix-length"
    with box.connection() as client:
        stream = on_change(client, f"{OPENCONFIG}/subinterfaces", f"{state}/ipv4/oper-state")
        client.set(
            update=[
                (f"{CORE}/port", "1/1/1"),
                primary("192.0.2.1"),
                (f"{CORE}/ipv4/secondary[address=192.0.2.9]/prefix-length", 24),
                (f"{CORE}/ipv4/secondary[address=198.51.100.1]/prefix-length", 31),
                (f"{CORE}/ipv6/address[ipv6-address=2001:db8::1]/prefix-length", 64),
            ]
        )
        wanted = ["203.0.113.7/24", "192.0.2.1/24", "192.0.2.9/24", "198.51.100.1/31", "2001:db8::1/64"]
        eventually(lambda: sorted(box.addresses("eth1")) == sorted(wanted))
        arrives(stream, told, 24)
        eventually(lambda: box.reaches("192.0.2.2"))
        shown = box.shown("addr", "show", "dev", "eth1")[0]["addr_info"]
        assert {each["local"]: each.get("broadcast") for each in shown}["192.0.2.1"] == "192.0.2.255"
        # Another primary address: the kernel's order follows, and what is not ours stays.
        client.set(
            delete=[f"{CORE}/ipv4/secondary[address=192.0.2.9]"],
            update=[primary("192.0.2.5"), (f"{CORE}/ipv4/secondary[address=192.0.2.1]/prefix-length", 24)],
        )
        wanted = ["203.0.113.7/24", "198.51.100.1/31", "192.0.2.1/24", "192.0.2.5/24", "2001:db8::1/64"]
        eventually(lambda: sorted(box.addresses("eth1")) == sorted(wanted))

        def primary_is_first():
            ipv4 = [each for each in box.addresses("eth1") if each in ("192.0.2.1/24", "192.0.2.5/24")]
            return ipv4 == ["192.0.2.5/24", "192.0.2.1/24"]

        eventually(primary_is_first)
        client.set(delete=[CORE])
        eventually(lambda: box.addresses("eth1") == ["203.0.113.7/24"])
        arrives(stream, told, None)
        assert failures(client) == {}


def test_what_was_there_before_stays(box):
    """An address that is configured and was there already is not ours: taking it out of the configuration leaves it."""
    box = box(*LINKS)
    box.ip("addr", "add", "192.0.2.1/24", "dev", "eth1")
    box.ip("addr", "add", "192.0.2.3/24", "dev", "eth1")
    with box.connection() as client:
        client.set(update=[(f"{CORE}/port", "1/1/1"), primary("192.0.2.1")])
        client.set(update=[(f"{CORE}/ipv4/secondary[address=192.0.2.2]/prefix-length", 24)])
        eventually(lambda: len(box.addresses("eth1")) == 3)
        client.set(delete=[CORE])
        eventually(lambda: box.addresses("eth1") == ["192.0.2.1/24", "192.0.2.3/24"])


def test_others_go_with_ours_and_come_back(box):
    """With the first address of a network the kernel drops the others of it, also those that are not ours."""
    box = box(*LINKS)
    with box.connection() as client:
        client.set(update=[(f"{CORE}/port", "1/1/1"), primary("192.0.2.1")])
        eventually(lambda: box.addresses("eth1") == ["192.0.2.1/24"])
        box.ip("addr", "add", "192.0.2.77/24", "dev", "eth1", "label", "eth1:by-hand"[:15])
        client.set(delete=[CORE])
        eventually(lambda: box.addresses("eth1") == ["192.0.2.77/24"])


def test_openconfig_addresses_and_descriptions(box):
    box = box(*LINKS)
    entry = f"{OPENCONFIG}/subinterfaces/subinterface[index=0]"
    with box.connection() as client:
        interface = {"name": "eth1", "type": "iana-if-type:ethernetCsmacd", "mtu": 1400, "description": "by openconfig"}
        client.set(
            update=[
                (f"{OPENCONFIG}/config", interface),
                (f"{entry}/config/index", 0),
                (f"{entry}/ipv4/addresses/address[ip=192.0.2.1]/config", {"ip": "192.0.2.1", "prefix-length": 24}),
                (f"{entry}/ipv6/addresses/address[ip=2001:db8::1]/config", {"ip": "2001:db8::1", "prefix-length": 64}),
            ]
        )
        eventually(lambda: box.addresses("eth1") == ["192.0.2.1/24", "2001:db8::1/64"])
        link = box.link("eth1")
        assert (link["mtu"], link["ifalias"]) == (1400, "by openconfig")
        client.set(update=[(f"{OPENCONFIG}/config/enabled", False)])
        eventually(lambda: not box.is_up("eth1"))
        client.set(update=[(f"{PORT}/description", "by the port")])
        eventually(lambda: box.link("eth1")["ifalias"] == "by the port")
        eventually(lambda: list(failures(client)) == [f"{OPENCONFIG}/config/description"])
        client.set(delete=[f"{OPENCONFIG}/config", f"{OPENCONFIG}/subinterfaces", PORT, OPENCONFIG])
        eventually(lambda: box.addresses("eth1") == [] and box.is_up("eth1"))
        eventually(lambda: failures(client) == {} and box.link("eth1")["mtu"] == 1500)


def test_static_routes(box):
    box = box(*LINKS)
    box.ip("addr", "add", "192.0.2.1/24", "dev", "eth1")
    box.ip("addr", "add", "198.51.100.1/24", "dev", "eth2")
    box.ip("route", "add", "10.9.0.0/16", "via", "192.0.2.9")
    theirs = ("10.9.0.0/16", 0, "192.0.2.9")
    route = f"{BASE}/static-routes/route[ip-prefix=10.1.0.0/16][route-type=unicast]"
    near, other = f"{route}/next-hop[ip-next-hop=192.0.2.2]", f"{route}/next-hop[ip-next-hop=198.51.100.2]"
    count = "/state/router[router-name=Base]/route-table/unicast/ipv4/statistics/static/active-routes"
    with box.connection() as client:
        client.set(update=[(f"{near}/admin-state", "enable"), (f"{other}/admin-state", "enable")])
        eventually(lambda: box.routes() == [("10.1.0.0/16", 5, "192.0.2.2"), ("10.1.0.0/16", 6, "198.51.100.2"), theirs])
        assert {each.get("protocol") for each in box.shown("route", "show", "10.1.0.0/16")} == {"71"}
        client.set(update=[(f"{BASE}/ecmp", 2)])
        eventually(lambda: box.routes() == [("10.1.0.0/16", 5, "192.0.2.2", "198.51.100.2"), theirs])
        client.set(update=[(f"{near}/preference", 10)])
        eventually(lambda: box.routes() == [("10.1.0.0/16", 5, "198.51.100.2"), ("10.1.0.0/16", 10, "192.0.2.2"), theirs])
        blackhole = f"{BASE}/static-routes/route[ip-prefix=10.2.0.0/16][route-type=unicast]/blackhole"
        v6 = f"{BASE}/static-routes/route[ip-prefix=2001:db8:1::/48][route-type=unicast]/interface[interface-name=eth1]"
        client.set(update=[(f"{blackhole}/admin-state", "enable"), (f"{v6}/admin-state", "enable")])
        eventually(lambda: any(each[0] == "2001:db8:1::/48" for each in box.routes(family="-6")))
        eventually(lambda: [each["type"] for each in box.shown("route", "show", "type", "blackhole")] == ["blackhole"])
        eventually(lambda: int(client.find(count.replace("Base", "*")).get(count, 0)) >= 3, timeout=15)
        client.set(delete=[f"{BASE}/static-routes"])
        eventually(lambda: box.routes() == [theirs] and not box.routes(family="-6"))
        assert failures(client) == {}


def test_a_failure_is_told_and_ends_when_it_can(box):
    box = box(*LINKS)
    path = f"{BASE}/static-routes/route[ip-prefix=10.1.0.0/16][route-type=unicast]/next-hop[ip-next-hop=192.0.2.2]"
    with box.connection() as client:
        stream = on_change(client, "/state/system/linux/failure[path=*]/reason")
        client.set(update=[(f"{path}/admin-state", "enable")])
        reason = eventually(lambda: failures(client).get(path))
        assert "10.1.0.0/16" in reason and "unreachable" in reason.lower()
        eventually(lambda: reason in [value for _, value in leaves(stream.next())])
        # The machine changes, and with it what is possible: nobody has to ask again.
        box.ip("addr", "add", "192.0.2.1/24", "dev", "eth1")
        eventually(lambda: box.routes() == [("10.1.0.0/16", 5, "192.0.2.2")], timeout=3)
        eventually(lambda: failures(client) == {})
        # Not possible whatever the machine is like, and not possible for the kernel.
        client.set(
            update=[
                ("/configure/port[port-id=1/1/77]/admin-state", "enable"),
                (f"{BASE}/interface[interface-name=nowhere]/ipv4/primary", {"address": "192.0.2.3", "prefix-length": 24}),
                ("/interfaces/interface[name=lo]/config", {"name": "lo", "type": "iana-if-type:softwareLoopback"}),
                (f"{OPENCONFIG}/config", {"name": "eth1", "type": "iana-if-type:ethernetCsmacd", "mtu": 60}),
            ]
        )
        told = eventually(lambda: len(failures(client)) == 3 and failures(client))
        assert "[platform.linux.ports]" in told["/configure/port[port-id=1/1/77]"]
        assert "nowhere" in told[f"{BASE}/interface[interface-name=nowhere]/ipv4/primary"]
        assert "mtu 60: " in told[f"{OPENCONFIG}/config/mtu"]
        # Tried again and again, said once.
        time.sleep(3.5)
        assert box.log.count(f"{OPENCONFIG}/config/mtu") == 1
        client.set(update=[(f"{OPENCONFIG}/config/mtu", 1400)])
        eventually(lambda: f"{OPENCONFIG}/config/mtu" not in failures(client) and box.link("eth1")["mtu"] == 1400)


def test_what_others_undo_is_done_again(box):
    box = box(*LINKS)
    box.ip("addr", "add", "198.51.100.1/24", "dev", "eth2")
    route = f"{BASE}/static-routes/route[ip-prefix=10.1.0.0/16][route-type=unicast]/next-hop[ip-next-hop=192.0.2.2]"
    with box.connection() as client:
        client.set(
            update=[
                (f"{PORT}/description", "ours"),
                (f"{PORT}/ethernet/mtu", 1414),
                (f"{CORE}/port", "1/1/1"),
                primary("192.0.2.1"),
                (f"{CORE}/ipv6/address[ipv6-address=2001:db8::1]/prefix-length", 64),
                (f"{route}/admin-state", "enable"),
            ]
        )

        def as_configured():
            link = box.link("eth1")
            assert (link["mtu"], link.get("ifalias")) == (1400, "ours")
            assert box.addresses("eth1") == ["192.0.2.1/24", "2001:db8::1/64"]
            assert box.routes() == [("10.1.0.0/16", 5, "192.0.2.2")]
            return True

        eventually(as_configured)
        for words in (
            ("addr", "flush", "dev", "eth1"),
            ("route", "del", "10.1.0.0/16"),
            ("link", "set", "eth1", "mtu", "1300"),
            ("link", "set", "eth1", "alias", "theirs"),
        ):
            box.ip(*words)
            eventually(as_configured, timeout=3)
        # A link that flaps loses its IPv6 addresses and its routes.
        for _ in range(3):
            box.ip("link", "set", "eth1", "down")
            box.ip("link", "set", "eth1", "up")
            eventually(as_configured, timeout=3)
        assert box.addresses("eth2") == ["198.51.100.1/24"]
        # A link that goes and comes again, with nothing on it.
        box.ip("link", "del", "eth1")
        eventually(lambda: any("eth1" in reason for reason in failures(client).values()))
        box.add_link("eth1", "far3")
        eventually(as_configured, timeout=5)
        eventually(lambda: failures(client) == {})


def test_what_is_ours_is_known_after_a_restart(box):
    box = box(*LINKS)
    box.ip("addr", "add", "198.51.100.9/24", "dev", "eth1")
    route = f"{BASE}/static-routes/route[ip-prefix=10.1.0.0/16][route-type=unicast]/next-hop[ip-next-hop=192.0.2.2]"
    with box.connection() as client:
        client.set(
            update=[
                (f"{PORT}/admin-state", "disable"),
                (f"{CORE}/port", "1/1/1"),
                primary("192.0.2.1"),
                (f"{CORE}/ipv4/secondary[address=192.0.2.6]/prefix-length", 24),
                (f"{BASE}/interface[interface-name=eth2]/ipv4/primary", {"address": "192.0.3.1", "prefix-length": 24}),
                (f"{BASE}/static-routes/route[ip-prefix=10.3.0.0/16][route-type=unicast]/blackhole/admin-state", "enable"),
            ]
        )
        eventually(lambda: len(box.addresses("eth1")) == 3 and not box.is_up("eth1"))
        eventually(lambda: len(box.routes()) == 1)
    box.kill()
    # Nothing of it goes with the process, and what is changed while it is away is put right when it is back.
    assert len(box.addresses("eth1")) == 3 and len(box.routes()) == 1
    box.ip("addr", "del", "192.0.2.6/24", "dev", "eth1")
    box.ip("link", "set", "eth1", "up")
    box.start()
    eventually(lambda: len(box.addresses("eth1")) == 3 and not box.is_up("eth1"))
    box.kill()
    box.start()
    with box.connection() as client:
        client.set(delete=[CORE, PORT, f"{BASE}/static-routes", f"{BASE}/interface[interface-name=eth2]"])
        eventually(lambda: box.addresses("eth1") == ["198.51.100.9/24"] and box.is_up("eth1"))
        eventually(lambda: box.routes() == [] and box.addresses("eth2") == [])


def test_a_burst_is_taken_together(box):
    """Many commits at once: none waits for the kernel, and the last one holds."""
    box = box(*LINKS)
    with box.connection() as client:
        client.set(update=[(f"{CORE}/port", "1/1/1")])
        for last in range(1, 101):
            client.set(
                update=[primary(f"192.0.2.{last}"), (f"{PORT}/description", f"number {last}")],
            )
        eventually(lambda: box.addresses("eth1") == ["192.0.2.100/24"])
        assert box.link("eth1")["ifalias"] == "number 100"
        passes = box.log.count("configuration applied to this machine")
        assert passes < 100, f"{passes} passes for 101 commits"


def test_another_program_is_not_fought(box):
    box = box(*LINKS)
    with box.connection() as client:
        client.set(update=[(f"{PORT}/description", "ours")])
        until = time.monotonic() + 6

        def undone():
            box.ip("link", "set", "eth1", "alias", "theirs")
            told = failures(client).get(f"{PORT}/description", "")
            return "another program" in told or time.monotonic() > until

        eventually(undone, timeout=10, interval=0.05)
        assert "another program" in failures(client)[f"{PORT}/description"]
        assert box.log.count("another program") == 1


def test_without_the_capability_it_says_so(box):
    box = box(*LINKS, "dns", keys='resolv-conf = "/nonexistent/directory/resolv.conf"',
              wrap=("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"))
    lines = [line for line in box.log.splitlines() if "CAP_NET_ADMIN" in line]
    assert len(lines) == 1 and "WARN" in lines[0], box.log
    with box.connection() as client:
        shown = appliers(client)
        assert shown.pop("dns") == "up"
        assert set(shown) == set(LINKS) and set(shown.values()) == {"this process lacks CAP_NET_ADMIN"}
        client.set(update=[(f"{PORT}/admin-state", "disable")])
        time.sleep(0.5)
        assert box.is_up("eth1") and failures(client) == {}
