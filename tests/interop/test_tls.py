"""TLS with the self-signed certificate of the first start, and what happens when the two ends disagree about it."""

import socket
import ssl

import pytest

from harness import eventually
from harness.gnmic import Gnmic
from harness.wire import Connection


@pytest.mark.parametrize(
    "host, flags",
    [
        ("127.0.0.1", ["--skip-verify"]),
        ("127.0.0.1", ["--tls-ca", "CA"]),
        ("localhost", ["--tls-ca", "CA"]),
        ("127.0.0.1", ["--tls-ca", "CA", "--tls-version", "1.2"]),
        ("127.0.0.1", ["--tls-ca", "CA", "--tls-version", "1.3"]),
    ],
    ids=["skip-verify", "ca-and-address", "ca-and-name", "tls-1.2", "tls-1.3"],
)
def test_case_10_tls(tls_daemon, host, flags):
    # TLS-001 TLS-017 TLS-018 TLS-019
    flags = [str(tls_daemon.certificate) if flag == "CA" else flag for flag in flags]
    said = Gnmic(f"{host}:{tls_daemon.port}", *flags)("cap").ok().out
    assert "nokia-conf" in said


def test_case_10_stream_over_tls(tls_daemon):
    # TLS-001 TLS-003
    with Connection(f"localhost:{tls_daemon.port}", ca=tls_daemon.certificate) as session:
        stream = session.subscribe("/configure/system/name", mode="STREAM")
        assert stream.until_sync()
        assert session.read("/configure/system/name") == "ganymede-lab"


def test_case_10_a_private_authority_is_not_trusted_by_itself(tls_daemon):
    # TLS-013 TLS-019
    finished = Gnmic(tls_daemon.address)("cap", "--timeout", "3s")
    assert finished.code == 1
    assert "certificate" in finished.out + finished.err


def test_case_11_plaintext_on_the_tls_port(tls_daemon):
    # TLS-014
    assert_mismatch(tls_daemon, ["--insecure"])


def test_case_11_tls_on_the_plaintext_port(daemon):
    # TLS-009
    assert_mismatch(daemon, ["--skip-verify"])


def assert_mismatch(daemon, flags):
    """The client fails in time, the log has a line with the peer and the cause, and others are served."""
    start = len(daemon.log)
    finished = Gnmic(daemon.address, *flags)("cap", "--timeout", "3s", timeout=10)
    assert finished.code == 1
    assert finished.seconds < 10

    def named():
        lines = daemon.log[start:].splitlines()
        return any("127.0.0.1" in line and "tls" in line.lower() for line in lines)

    eventually(named)


def test_case_11_a_probe_that_only_takes_the_certificate(tls_daemon):
    # pygnmi's --skip-verify connects first without ALPN, reads the certificate and goes.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", tls_daemon.port), timeout=5) as plain:
        with context.wrap_socket(plain) as probe:
            assert probe.getpeercert(binary_form=True)
    Gnmic(tls_daemon.address, "--skip-verify")("cap").ok()


def test_the_certificate_is_kept_and_its_fingerprint_logged(new_daemon):
    # TLS-021
    daemon = new_daemon(name="lab-tls.toml")
    first = daemon.certificate.read_bytes()
    assert "fingerprint" in daemon.log.lower()
    assert daemon.terminate() == 0
    daemon.start()
    assert daemon.certificate.read_bytes() == first
    assert (daemon.certificate.parent / "key.pem").stat().st_mode & 0o077 == 0
