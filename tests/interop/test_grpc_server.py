"""The gRPC server as the configuration wants it, on the daemon as a process: its log, signals, and what clients see."""

import subprocess

import grpc
import pytest

from harness import eventually
from harness.daemon import binary, lab_config
from harness.gnmic import Gnmic
from harness.wire import Connection

GRPC = "/configure/system/grpc"
WARNING = "reads user names, passwords and data"


def test_plaintext_is_warned_of_once(new_daemon):
    # TLS-008 TLS-016
    daemon = new_daemon()
    with Connection(daemon.address) as session:
        session.set(update=[(f"{GRPC}/max-msg-size", 100)])
        assert session.read("/state/system/grpc/oper-transport") == "unsecure"
    daemon.hang_up()
    eventually(lambda: "file read again" in daemon.log)
    assert sum(WARNING in line for line in daemon.log.splitlines()) == 1
    assert any("serving" in line and "tls=false" in line for line in daemon.log.splitlines())


def test_tls_needs_no_warning(tls_daemon):
    # TLS-008 TLS-016
    assert WARNING not in tls_daemon.log
    assert any("serving" in line and "tls=true" in line for line in tls_daemon.log.splitlines())


def test_switched_off_and_on(new_daemon):
    # TLS-027 TLS-028 TLS-029
    daemon = new_daemon()
    process = daemon.process.pid
    gnmic = Gnmic(daemon.address, "--insecure")
    with Connection(daemon.address) as session:
        stream = session.subscribe("/configure/system/location", mode="STREAM")
        stream.until_sync()
        gnmic("set", "--update-path", f"{GRPC}/admin-state", "--update-value", "disable").ok()
        code, message = stream.end()
        assert code == grpc.StatusCode.UNAVAILABLE
        assert f"{GRPC}/admin-state is disable" in message
    eventually(lambda: daemon.sessions() == 0)
    for _ in range(2):
        refused = gnmic("cap", "--timeout", "3s")
        assert refused.code == 1
        assert "Unavailable" in refused.out + refused.err or "connection refused" in refused.out + refused.err
    daemon.config.write_text(daemon.config.read_text() + "# changed\n[configure.system.grpc.gnmi]\nadmin-state = \"enable\"\n")
    daemon.hang_up()
    eventually(lambda: gnmic("cap", "--timeout", "3s").code == 0, timeout=15)
    assert daemon.process.pid == process and daemon.alive()


@pytest.mark.parametrize("release", ["15.0", "16.0"])
def test_old_releases_refuse_another_port_at_start(tmp_path, release):
    # TLS-007
    text = lab_config("lab.toml", tmp_path / "data", 20000)
    text = f'release-profile = "{release}"\n' + text.replace(
        "[configure.system.grpc]\n", "[configure.system.grpc]\nlistening-port = 50000\n"
    )
    file = tmp_path / "lab.toml"
    file.write_text(text)
    ended = subprocess.run([binary(), "run", "--config", file], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 78, ended.stderr
    assert "listening-port" in ended.stderr and "57400" in ended.stderr
