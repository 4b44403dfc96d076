"""gnmic as a subprocess: its exit code, its text, and its JSON documents as they arrive."""

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

from . import eventually, leave_out

# Of the environment gnmic gets only this: it reads its flags from variables GNMIC_* and a file in the home directory.
ENVIRONMENT = {"HOME": "/nonexistent", "PATH": os.environ.get("PATH", "")}


def documents(text):
    """The JSON documents that gnmic printed one after the other; an array counts as its items. Broken tails wait."""
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        found += document if isinstance(document, list) else [document]
    return found


def absolute(prefix, path):
    return "/" + "/".join(part for part in (prefix.strip("/"), path.strip("/")) if part)


def leaves(*printed):
    """(path, value) of every update in gnmic's documents, absolute paths as gnmic prints them."""
    return [
        (absolute(document.get("prefix", ""), update["Path"]), value)
        for document in printed
        for update in document.get("updates", [])
        for value in update["values"].values()
    ]


def deletes(*printed):
    return [absolute(each.get("prefix", ""), deleted) for each in printed for deleted in each.get("deletes", [])]


def is_sync(document):
    return document.get("sync-response") is True


@dataclass
class Finished:
    code: int
    out: str
    err: str
    seconds: float

    @property
    def documents(self):
        return documents(self.out)

    @property
    def leaves(self):
        return leaves(*self.documents)

    def ok(self):
        assert self.code == 0, f"exit {self.code}: {self.out}{self.err}"
        return self

    def refused(self, code, *fragments):
        """Exit 1 with this gRPC code and a message that holds the fragments."""
        said = self.out + self.err
        assert self.code == 1, f"exit {self.code}: {said}"
        assert f"code = {code}" in said, said
        message = said.split("desc = ", 1)[1].strip()
        assert message, f"an error without a message: {said}"
        for fragment in fragments:
            assert fragment in message, f"{fragment!r} is not in {message!r}"
        return self


class Gnmic:
    """gnmic with the global flags of one target."""

    def __init__(self, target, *flags, user="admin", password="admin"):
        self.binary = os.environ.get("GNMIC")
        if not self.binary:
            leave_out("needs gnmic: set GNMIC, or install gnmic or Go >= 1.25")
        self.flags = ["-a", target, *flags]
        if user:
            self.flags += ["-u", user]
        if password:
            self.flags += ["-p", password]

    def __call__(self, *arguments, timeout=20):
        started = time.monotonic()
        finished = subprocess.run(
            [self.binary, *self.flags, *arguments],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Finished(finished.returncode, finished.stdout, finished.stderr, time.monotonic() - started)

    def stream(self, *arguments):
        return GnmicStream([self.binary, *self.flags, *arguments])


class GnmicStream:
    """A running `gnmic subscribe`; a context that ends it as Ctrl-C would."""

    def __init__(self, command):
        self._text = ""
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            command,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            with self._lock:
                self._text += line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(timeout=5)

    @property
    def text(self):
        with self._lock:
            return self._text

    @property
    def documents(self):
        return documents(self.text)

    def synced(self, timeout=10):
        """Waits for the sync_response; returns the documents before it."""
        seen = eventually(lambda: any(map(is_sync, self.documents)) and self.documents, timeout)
        return seen[: next(i for i, document in enumerate(seen) if is_sync(document))]

    def after_sync(self):
        """The documents after the sync_response; a second one is a failure."""
        seen = self.documents
        syncs = [i for i, document in enumerate(seen) if is_sync(document)]
        assert len(syncs) == 1, f"{len(syncs)} sync responses"
        return seen[syncs[0] + 1 :]
