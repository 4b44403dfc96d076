"""A FreeRADIUS and a tacquito of our own on loopback, and the tables that make a daemon ask them."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

from . import eventually, leave_out
from .daemon import free_port

SECRET = "between-us"

RADIUS_CONFIG = """
prefix = /usr
logdir = {directory}
run_dir = {directory}
max_request_time = 5
cleanup_delay = 0
log {{
    destination = files
    file = {directory}/radius.log
    auth = yes
}}
security {{
    reject_delay = 0
    status_server = yes
}}
client loopback {{
    ipaddr = 127.0.0.1
    secret = {secret}
    require_message_authenticator = yes
}}
thread pool {{
    start_servers = 1
    max_servers = 4
    min_spare_servers = 1
    max_spare_servers = 3
}}
modules {{
    pap {{
    }}
    files {{
        usersfile = {directory}/users
    }}
    detail {{
        filename = {directory}/accounting
    }}
}}
server default {{
    listen {{
        type = auth
        ipaddr = 127.0.0.1
        port = {port}
    }}
    listen {{
        type = acct
        ipaddr = 127.0.0.1
        port = {accounting_port}
    }}
    authorize {{
        files
        pap
    }}
    authenticate {{
        Auth-Type PAP {{
            pap
        }}
    }}
    accounting {{
        detail
    }}
}}
"""

TACPLUS_CONFIG = """
users:
{users}
secrets:
  - name: localhost
    secret:
      group: tacquito
      key: {secret}
    handler:
      type: 1
    type: 1
    options:
      prefixes: |
        ["127.0.0.0/8"]
"""

TACPLUS_USER = """
  - name: {name}
    scopes: ["localhost"]
    groups:
      - name: group-{name}
        services:
          - name: shell
            set_values:
              - name: priv-lvl
                values: [{level}]
{commands}        authenticator:
          type: 1
          options:
            hash: {hash}
        accounter:
          name: file
          type: 3
"""


TACPLUS_COMMAND = """
          - name: {name}
            match: [{match}]
            action: {action}
"""


class Server:
    """A process with a directory; a context that ends it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.output = self.directory / "output"
        self.process = None

    def start(self):
        self.write()
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        eventually(self._is_ready, timeout=20)
        return self

    def _is_ready(self):
        assert self.process.poll() is None, self.output.read_text(errors="replace")
        return self.is_ready()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class FreeRadius(Server):
    """FreeRADIUS with users: name to password and attributes of the answer."""

    def __init__(self, directory, users):
        self.binary = os.environ.get("FREERADIUS") or shutil.which("freeradius") or "/usr/sbin/freeradius"
        if not Path(self.binary).exists():
            leave_out("needs FreeRADIUS: install freeradius")
        super().__init__(directory)
        self.users = users
        self.port, self.accounting_port = free_port(), free_port()
        self.log = self.directory / "radius.log"

    def command(self):
        return [self.binary, "-f", "-d", self.directory, "-D", "/usr/share/freeradius"]

    def write(self):
        config = RADIUS_CONFIG.format(
            directory=self.directory, secret=SECRET, port=self.port, accounting_port=self.accounting_port
        )
        (self.directory / "radiusd.conf").write_text(config)
        lines = [
            f'{name} Cleartext-Password := "{password}"\n    {attributes}\n' if attributes
            else f'{name} Cleartext-Password := "{password}"\n'
            for name, (password, attributes) in self.users.items()
        ]
        (self.directory / "users").write_text("".join(lines))
        (self.directory / "dictionary").write_text("")
        self.log.touch()
        self.started = self.log.read_text().count("Ready to process requests")

    def is_ready(self):
        return self.log.read_text().count("Ready to process requests") > self.started

    def logins(self):
        """How many requests for access were judged."""
        text = self.log.read_text()
        return text.count("Login OK") + text.count("Login incorrect")

    def records(self):
        path = self.directory / "accounting"
        return path.read_text() if path.exists() else ""

    def tables(self, more=""):
        return (
            f"[configure.system.security.aaa.remote-servers.radius]\nport = {self.port}\n"
            f"accounting-port = {self.accounting_port}\nserver-timeout = 10\nserver-retry = 1\n{more}\n"
            "[[configure.system.security.aaa.remote-servers.radius.server]]\n"
            f'index = 1\naddress = "127.0.0.1"\nsecret = "{SECRET}"\n'
        )


class Tacquito(Server):
    """tacquito with users: name to bcrypt hash in hex and privilege level; and commands: of what is permitted (action 2)
    or denied (1), name and a regular expression of the rest."""

    def __init__(self, directory, users, commands=()):
        self.binary = os.environ.get("TACQUITO")
        if not self.binary:
            leave_out("needs tacquito: set TACQUITO, or install Go >= 1.26")
        super().__init__(directory)
        self.users = users
        self.commands = commands
        self.port = free_port()

    def command(self):
        return [
            self.binary,
            "-address",
            f"127.0.0.1:{self.port}",
            "-config",
            "config/tacquito.yaml",
            "-records",
            "accounting",
        ]

    def write(self):
        commands = "".join(
            TACPLUS_COMMAND.format(name=name, match=match, action=action).lstrip("\n")
            for name, match, action in self.commands
        )
        commands = f"        commands:\n{commands}" if commands else ""
        users = "".join(
            TACPLUS_USER.format(name=name, hash=hash_, level=level, commands=commands)
            for name, (hash_, level) in self.users.items()
        )
        # A directory of its own: the server watches all of it for changes.
        config = self.directory / "config"
        config.mkdir(exist_ok=True)
        (config / "tacquito.yaml").write_text(TACPLUS_CONFIG.format(users=users, secret=SECRET))

    def is_ready(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self):
        return self.output.read_text(errors="replace")

    def records(self):
        path = self.directory / "accounting"
        return path.read_text() if path.exists() else ""

    def counted(self):
        """A way to it that counts what it is asked."""
        return Counted(self.port)

    def tables(self, more="", port=None):
        return (
            f"[configure.system.security.aaa.remote-servers.tacplus]\nserver-timeout = 10\n{more}\n"
            "[[configure.system.security.aaa.remote-servers.tacplus.server]]\n"
            f'index = 1\naddress = "127.0.0.1"\nport = {port or self.port}\nsecret = "{SECRET}"\n'
        )


class Counted:
    """A port that leads to a TACACS+ server, and what came through it: the kind of an exchange is in the clear, as the
    second byte of its first packet (RFC 8907 section 4.1)."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.kinds = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def logins(self):
        return self.kinds.count(1)

    @property
    def authorizations(self):
        return self.kinds.count(2)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with client, socket.create_connection(self.server) as server:
            first = client.recv(65536)
            if len(first) > 1:
                self.kinds.append(first[1])
            server.sendall(first)
            back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
            back.start()
            self._pump(client, server)
            back.join()

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        # Closing alone does not wake who waits in accept.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def order(*methods, exit_on_reject=False):
    listed = ", ".join(f'"{method}"' for method in methods)
    return (
        f"[configure.system.security.user-params.authentication-order]\norder = [{listed}]\n"
        f"exit-on-reject = {str(exit_on_reject).lower()}\n"
    )


def template(name, profile="administrative"):
    return (
        f'[[configure.system.security.aaa.user-template]]\nuser-template-name = "{name}"\n'
        f'access.grpc = true\nprofile = "{profile}"\n'
    )
