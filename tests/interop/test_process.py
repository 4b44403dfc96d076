"""The daemon as a process: what survives kill -9, how SIGTERM ends streams, and how it refuses a wrong file."""

import re
import signal
import subprocess
import time

import grpc
import pytest

from harness import eventually
from harness.daemon import binary, lab_config
from harness.gnmic import Gnmic
from harness.gnmic import leaves as gnmic_leaves
from harness.wire import Connection, leaves, subscription

LOCATION = "/configure/system/location"


def test_case_67_sigterm_ends_streams(new_daemon):
    # TLS-028
    daemon = new_daemon()
    gnmic = Gnmic(daemon.address, "--insecure", "--retry", "1s")
    with (
        Connection(daemon.address) as session,
        gnmic.stream("sub", "--path", LOCATION, "--stream-mode", "on-change") as printed,
    ):
        session.set(update=[(LOCATION, "before")])
        modes = ("ON_CHANGE", "SAMPLE", "TARGET_DEFINED")
        streams = [session.subscribe(subscription(LOCATION, mode=mode), mode="STREAM") for mode in modes]
        streams.append(session.subscribe(LOCATION, mode="POLL"))
        for stream in streams:
            stream.until_sync()
        printed.synced()
        started = time.monotonic()
        assert daemon.terminate() == 0
        assert time.monotonic() - started < 5
        for stream in streams:
            code, message = stream.end()
            assert code == grpc.StatusCode.UNAVAILABLE, message
            assert message
        daemon.start()
        with Connection(daemon.address) as again:
            again.set(update=[(LOCATION, "after")])
        eventually(lambda: (LOCATION, "after") in gnmic_leaves(*printed.documents), timeout=15)


def test_kill_minus_nine_keeps_what_was_acknowledged(new_daemon):
    # SET-051
    daemon = new_daemon()
    for round_ in range(3):
        wanted = f"round {round_}"
        with Connection(daemon.address) as session:
            session.set(update=[(LOCATION, wanted)])
            daemon.kill()
        daemon.start()
        with Connection(daemon.address) as session:
            assert session.read(LOCATION) == wanted


def test_subscriptions_do_not_outlive_the_process(new_daemon):
    # SUB-035
    daemon = new_daemon()
    with Connection(daemon.address) as session:
        stream = session.subscribe(LOCATION, mode="STREAM")
        stream.until_sync()
        daemon.kill()
        assert stream.end()[0] == grpc.StatusCode.UNAVAILABLE
    daemon.start()
    with Connection(daemon.address) as session:
        assert leaves(*session.get("/configure/system/name").notification)


def test_a_reload_of_the_file_is_announced(new_daemon):
    # OCH-018
    daemon = new_daemon()
    name = "/configure/system/name"
    with Connection(daemon.address) as session:
        stream = session.subscribe(subscription(name, mode="ON_CHANGE"), mode="STREAM")
        assert leaves(*stream.until_sync()) == [(name, "ganymede-lab")]
        daemon.config.write_text(daemon.config.read_text().replace("ganymede-lab", "reloaded"))
        daemon.process.send_signal(signal.SIGHUP)
        assert leaves(stream.next()) == [(name, "reloaded")]


def check(directory, text, *flags):
    file = directory / "lab.toml"
    file.write_text(text)
    return subprocess.run(
        [binary(), "run", "--config", file, *(flags or ["--check"])], capture_output=True, text=True, timeout=30
    )


def test_a_good_file_passes_the_check(tmp_path):
    good = lab_config("lab.toml", tmp_path / "data", 57400)
    finished = check(tmp_path, good)
    assert finished.returncode == 0, finished.stderr
    assert not (tmp_path / "data").exists(), "a check leaves nothing behind"


def test_a_certificate_that_is_not_there_is_found_by_the_check(tmp_path):
    missing = tmp_path / "nowhere.pem"
    extra = f'[tls]\ncertificate = "{missing}"\nkey = "{missing}"\n'
    bad = lab_config("lab.toml", tmp_path / "data", 57400, extra=extra)
    for flags in ([], ["--check"]):
        finished = check(tmp_path, bad, *flags)
        assert finished.returncode == 78, finished.stderr
        assert str(missing) in finished.stderr.splitlines()[-1], finished.stderr


def test_print_config(tmp_path):
    good = lab_config("lab.toml", tmp_path / "data", 57400)
    finished = check(tmp_path, good, "--print-config")
    assert finished.returncode == 0, finished.stderr
    assert "ganymede-lab" in finished.stdout
    assert "get-response-bytes" in finished.stdout, "every limit is shown with its value"


def test_the_list_of_what_is_announced(daemon, client):
    # OCH-006 OCH-007
    finished = subprocess.run([binary(), "on-change-paths"], capture_output=True, text=True, timeout=30)
    assert finished.returncode == 0, finished.stderr
    listed = set(finished.stdout.splitlines())
    assert "/state/port[port-id=*]/oper-state" in listed
    with_file = [binary(), "on-change-paths", "--config", daemon.config]
    assert set(subprocess.check_output(with_file, text=True, timeout=30).splitlines()) == listed
    # What a subscription to all of state begins with are the listed leaves, and what ONCE brings besides is not listed.
    stream = client.subscribe(subscription("/state", mode="ON_CHANGE"), mode="STREAM")
    announced = {re.sub(r"=[^]]*]", "=*]", where) for where, _ in leaves(*stream.until_sync())}
    present = {re.sub(r"=[^]]*]", "=*]", where) for where, _ in leaves(*client.once("/state"))}
    assert announced == present & listed
    assert any("/statistics/" in where for where in present - listed)


@pytest.mark.parametrize(
    "old, new, fragments",
    [
        ("address =", "adress =", ["adress", "address"]),
        ('address = "127.0.0.1"', 'address = "127.0.0.1', []),
        ("port = 57400", 'port = "many"', ["port"]),
        ('level = "info"', 'level = "loud"', ["loud"]),
        ("[platform.linux]", "[platform.linus]", ["linus", "linux"]),
        ('name = "ganymede-lab"', 'nam = "ganymede-lab"', ["nam", "name"]),
        ('admin-state = "enable"', 'admin-state = "perhaps"', ["admin-state", "perhaps"]),
        ('name = "ganymede-lab"', "name = 5", ["name"]),
    ],
    ids=[
        "unknown-key",
        "syntax",
        "type",
        "word",
        "unknown-table",
        "unknown-node",
        "value-of-a-node",
        "type-of-a-node",
    ],
)
def test_a_wrong_file_gets_one_line(tmp_path, old, new, fragments):
    good = lab_config("lab.toml", tmp_path / "data", 57400)
    assert old in good
    bad = good.replace(old, new, 1)
    for flags in ([], ["--check"]):
        finished = check(tmp_path, bad, *flags)
        assert finished.returncode not in (0, 101), finished.stderr
        (line,) = finished.stderr.strip().splitlines()
        number = next(n for n, each in enumerate(bad.splitlines(), 1) if new in each)
        assert f"lab.toml:{number}" in line, line
        for fragment in fragments:
            assert fragment in line, line
