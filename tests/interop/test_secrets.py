"""The security log on a disk that fails, and secrets, which no log, error or answer shows."""

import json

import grpc
import pytest

from harness import eventually
from harness.gnmic import Gnmic
from harness.wire import Connection

SECURITY = "/configure/system/security"
USER = f"{SECURITY}/user-params/local-user/user[user-name=plain]"
HASHED = f"{SECURITY}/user-params/local-user/user[user-name=hashed]"
RADIUS = f"{SECURITY}/aaa/remote-servers/radius/server[index=1]"
HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$dGhlIGhhc2ggaXRzZWxmIGhlcmUuLi4uLi4uLi4uLi4"
SECRETS = ["hunter2", "shared-key", "guessed-word", "dGhlIGhhc2gg", "$argon2id", "swordfish"]


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.details()


def test_secrets_are_nowhere(new_daemon):
    # AUTH-026
    daemon = new_daemon()
    daemon.config.write_text(daemon.config.read_text().replace('level = "info"', 'level = "trace"'))
    daemon.terminate()
    daemon.start()
    said = []
    with Connection(daemon.address) as session:
        session.set(update=[(USER, {"password": "hunter2", "access": {"grpc": True}})])
        session.set(update=[(HASHED, {"password": HASH, "access": {"grpc": True}})])
        session.set(update=[(RADIUS, {"address": "192.0.2.1", "secret": "shared-key"})])
        stream = session.subscribe(SECURITY, mode="STREAM")
        said += stream.until_sync()
        session.set(update=[(f"{USER}/password", "swordfish")])
        session.set(update=[(f"{USER}/access/li", False), (f"{RADIUS}/secret", "swordfish")])
        said.append(refused(lambda: session.set(update=[(f"{RADIUS}/secret", {"key": "swordfish"})])))
        said.append(refused(lambda: session.set(update=[(f"{USER}/password", ["swordfish"])])))
        said.append(refused(lambda: session.set(update=[(USER, {"password": "swordfish", "no": 1})])))
        for user, password in (("plain", "guessed-word"), ("nobody", "guessed-word"), ("", "guessed-word")):
            metadata = [("username", user), ("password", password)]
            said.append(refused(lambda metadata=metadata: session.capabilities(metadata=metadata)))
        said.append(refused(lambda: session.get(f"{USER}/password")))
        said += [session.get("/"), session.get("/state"), *session.once("/")]
    with Connection(daemon.address, user="plain", password="swordfish") as plain:
        plain.get("/configure/system/name")
    gnmic = Gnmic(daemon.address, "--insecure")
    said.append(gnmic("get", "--path", SECURITY, "-t", "config").ok().out)
    malformed = gnmic("set", "--update", f"{USER}/password:::json:::hunter2")
    said.append(malformed.out + malformed.err.replace(f"{USER}/password:::json:::hunter2", ""))
    eventually(lambda: '"user":"plain"' in daemon.security_log)
    daemon.terminate()
    for where, text in [("log", daemon.log), ("security log", daemon.security_log), *(("answer", str(each)) for each in said)]:
        for secret in SECRETS:
            assert secret not in text, f"{secret} is in {where}: {text[:2000]}"
    assert "192.0.2.1" in "".join(map(str, said)), "what is no secret is there"


def test_a_disk_that_refuses_the_security_log(new_daemon):
    # AUTH-025
    daemon = new_daemon()
    daemon.terminate()
    log = daemon.directory / "audit.log"
    log.symlink_to("/dev/full")
    text = daemon.config.read_text().replace("[log]\n", f'[log]\nsecurity-file = "{log}"\n')
    daemon.config.write_text(text)
    daemon.start()
    with Connection(daemon.address) as session:
        session.get("/configure/system/name")
        # Service goes on, and the operational log holds what the disk refused.
        eventually(lambda: "No space left" in daemon.log and "/gnmi.gNMI/Get" in daemon.log)
        assert "lines not written" in daemon.log
        log.unlink()
        session.capabilities()
        eventually(lambda: log.exists() and "/gnmi.gNMI/Capabilities" in log.read_text())
        eventually(lambda: "written again" in daemon.log)
    for line in log.read_text().splitlines():
        json.loads(line)
