"""Mutual TLS and revocation lists as gnmic meets them, with an authority kept by openssl."""

import pytest

from harness import eventually
from harness.authority import Authority
from harness.daemon import Daemon
from harness.gnmic import Gnmic

CONFIGURATION = """
data-dir = "{data}"

[listen]
address = "127.0.0.1"
port = {port}

[platform.linux]
enabled = false

[configure.system.grpc]
admin-state = "enable"
tls-server-profile = "door"

[[configure.system.security.pki.ca-profile]]
ca-profile-name = "lab"
admin-state = "enable"
cert-file = "ca.crt"
crl-file = "lab.crl"
revocation-check = "{check}"

[[configure.system.security.tls.trust-anchor-profile]]
trust-anchor-profile-name = "clients"
trust-anchor = [{{ ca-profile-name = "lab" }}]

[[configure.system.security.tls.cert-profile]]
cert-profile-name = "own"
admin-state = "enable"
entry = [{{ entry-id = 1, certificate-file = "server.crt", key-file = "server.key" }}]

[[configure.system.security.tls.server-tls-profile]]
server-profile-name = "door"
admin-state = "enable"
cert-profile = "own"
protocol-version = "tls-version-all"
status-verify.default-result = "{result}"
authenticate-client.trust-anchor-profile = "clients"

[[configure.system.security.aaa.local-profiles.profile]]
user-profile-name = "administrative"
default-action = "permit-all"

[[configure.system.security.user-params.local-user.user]]
user-name = "admin"
password = "admin"
access.grpc = true
console.member = ["administrative"]
"""

LOGIN = "/configure/system/security/aaa/management-interface/grpc/tls-authentication/admin-state"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Certificates `server`, `admin` and `mallory`, whom the lists name, and lists in each condition."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    made.issue("admin")
    made.issue("mallory")
    made.list("empty.crl")
    made.revoke("mallory")
    made.list("good.crl")
    made.list("expired.crl", "-crl_lastupdate", "20250101000000Z", "-crl_nextupdate", "20250201000000Z")
    (made.directory / "corrupt.crl").write_text((made.directory / "good.crl").read_text()[:200])
    return made


@pytest.fixture
def start(tmp_path, authority):
    """Starts a daemon with these knobs and this list, and does not wait until it listens."""
    made = []

    def make(check, result, listed):
        daemon = Daemon(tmp_path)
        made.append(daemon)
        files = daemon.data_dir / "tls"
        files.mkdir(parents=True)
        for name in ("ca.crt", "server.crt", "server.key"):
            (files / name).write_bytes((authority.directory / name).read_bytes())
        if listed != "missing":
            (files / "lab.crl").write_bytes((authority.directory / f"{listed}.crl").read_bytes())
        text = CONFIGURATION.format(data=daemon.data_dir, port=daemon.port, check=check, result=result)
        daemon.config.write_text(text)
        return daemon

    yield make
    for daemon in made:
        daemon.stop()
        daemon.assert_no_panic()


def is_let_in(daemon, authority, name):
    finished = Gnmic(daemon.address, *authority.flags(name))("cap", "--timeout", "4s")
    assert finished.code == 0 or "Unavailable" in finished.out + finished.err, finished.out + finished.err
    return finished.code == 0


@pytest.mark.parametrize("result", ["revoked", "good"])
@pytest.mark.parametrize("check", ["crl", "crl-optional"])
@pytest.mark.parametrize("listed", ["good", "empty", "expired", "missing", "corrupt"])
def test_the_matrix(start, authority, check, result, listed):
    # TLS-020 TLS-023 TLS-024 TLS-025 TLS-026
    daemon = start(check, result, listed)
    if check == "crl" and listed not in ("good", "empty"):
        # The list is needed: the profile does not come up.
        daemon.launch()
        eventually(lambda: "gRPC is down: " in daemon.log and "/crl-file - " in daemon.log, timeout=30)
        assert not is_let_in(daemon, authority, "admin")
        return
    daemon.start()
    known = listed in ("good", "empty")
    named = listed in ("good", "expired")
    assert is_let_in(daemon, authority, "admin") == (known or result == "good")
    assert is_let_in(daemon, authority, "mallory") == (not named and (known or result == "good"))
    assert not is_let_in(daemon, authority, None)


def test_certificate_and_password(start, authority):
    # TLS-020 AUTH-038
    daemon = start("crl", "revoked", "good").start()
    flags = authority.flags("admin")
    Gnmic(daemon.address, *flags)("cap").ok()
    Gnmic(daemon.address, *flags, password="wrong")("cap").refused("Unauthenticated")
    Gnmic(daemon.address, *flags, user=None, password=None)("cap").refused("Unauthenticated")
    Gnmic(daemon.address, *authority.flags("mallory"))("cap", "--timeout", "3s")
    eventually(lambda: "the client's certificate is revoked; /configure/system/security/tls/" in daemon.log)
    Gnmic(daemon.address, *authority.flags())("cap", "--timeout", "3s")
    eventually(lambda: "the client shows no certificate; /configure/system/security/tls/" in daemon.log)
    # Switched on, the certificate stands for the user of its name.
    Gnmic(daemon.address, *flags)("set", "--update-path", LOGIN, "--update-value", "enable").ok()
    Gnmic(daemon.address, *flags, user=None, password=None)("cap").ok()


def test_a_new_list_is_taken_by_itself(start, authority):
    # TLS-021 TLS-026
    daemon = start("crl", "revoked", "empty").start()
    assert is_let_in(daemon, authority, "mallory")
    with Gnmic(daemon.address, *authority.flags("admin")).stream("sub", "--path", "/configure/system/location") as stream:
        stream.synced()
        new = (authority.directory / "good.crl").read_bytes()
        (daemon.data_dir / "tls" / "lab.crl").write_bytes(new)
        eventually(lambda: not is_let_in(daemon, authority, "mallory"), timeout=15)
        admin = Gnmic(daemon.address, *authority.flags("admin"))
        admin("set", "--update-path", "/configure/system/location", "--update-value", "here").ok()
        eventually(lambda: stream.after_sync())


def test_old_versions_are_refused(start, authority):
    # TLS-013 TLS-017
    daemon = start("crl", "revoked", "good").start()
    old = ["--tls-min-version", "1.0", "--tls-max-version", "1.1"]
    finished = Gnmic(daemon.address, *authority.flags("admin"), *old)("cap", "--timeout", "3s")
    assert finished.code == 1
    assert "remote error: tls: " in finished.out + finished.err
    eventually(lambda: "connection refused: TLS handshake failed: " in daemon.log)
