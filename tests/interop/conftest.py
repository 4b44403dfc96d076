"""Fixtures: the daemons that cases share, clients for them, and a maker of daemons for cases that break one."""

import grpc
import pytest

pytest.register_assert_rewrite("harness")

from harness.daemon import Daemon  # noqa: E402
from harness.gnmic import Gnmic  # noqa: E402
from harness.wire import Connection, assert_refusal  # noqa: E402


@pytest.fixture(scope="session")
def plain_daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("plain")).start()
    yield daemon
    daemon.stop()
    daemon.assert_no_panic()


@pytest.fixture(scope="session")
def secure_daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("tls"), name="lab-tls.toml").start()
    yield daemon
    daemon.stop()
    daemon.assert_no_panic()


def lend(daemon):
    """Hands out a shared daemon, and fails the case after which it is dead or has panicked."""
    yield daemon
    alive = daemon.alive()
    if not alive:
        daemon.start()
    assert alive, f"the daemon died:\n{daemon.log[-2000:]}"
    daemon.assert_no_panic()


@pytest.fixture
def daemon(plain_daemon):
    """The plaintext lab with the Linux platform and four simulated ports."""
    yield from lend(plain_daemon)


@pytest.fixture
def tls_daemon(secure_daemon):
    """The TLS lab with its self-signed certificate."""
    yield from lend(secure_daemon)


@pytest.fixture
def new_daemon(tmp_path):
    """Makes daemons that only this case uses; they are ended with it."""
    made = []

    def make(**arguments):
        daemon = Daemon(tmp_path / f"daemon{len(made)}", **arguments)
        made.append(daemon)
        return daemon.start()

    yield make
    for daemon in made:
        daemon.stop()
        daemon.assert_no_panic()


@pytest.fixture
def gnmic(daemon):
    """gnmic as admin on the plaintext lab."""
    return Gnmic(daemon.address, "--insecure")


@pytest.fixture
def client(daemon):
    """A raw session as admin on the plaintext lab."""
    with Connection(daemon.address) as connection:
        yield connection


@pytest.fixture
def location(client):
    """Sets /configure/system/location, and says what it is set to."""

    def write(text):
        client.set(update=[("/configure/system/location", text)])
        return text

    return write


@pytest.fixture
def refused(client):
    """Checks a refusal: code, a message in the house style that names what it must, and a session that lives on."""

    def check(call, code, *fragments):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert_refusal(caught.value.code(), caught.value.details(), code, *fragments)
        client.capabilities()

    return check
