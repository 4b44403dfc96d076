"""A small disk of a test's own: a tmpfs in a mount namespace that only the test's daemon is in."""

import os
import shutil
import subprocess

from . import leave_out


class Disk:
    """A directory on a tmpfs of some megabytes, as seen by what runs behind `prefix`; gone with the context."""

    def __init__(self, directory, megabytes):
        self.directory = directory
        self.megabytes = megabytes

    def __enter__(self):
        if os.geteuid() != 0:
            leave_out("needs root to mount a disk")
        for tool in ("unshare", "nsenter", "mount"):
            if not shutil.which(tool):
                leave_out(f"needs the {tool} command (util-linux)")
        self.directory.mkdir(parents=True, exist_ok=True)
        mount = 'mount -t tmpfs -o size="$2"m tmpfs "$1" && echo mounted && exec sleep infinity'
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh", self.directory, str(self.megabytes)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = self.holder.stdout.readline().strip()
        if said != "mounted":
            self.holder.wait()
            leave_out(f"needs the right to mount in a namespace: {said}")
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()

    @property
    def prefix(self):
        """What to put before a command so that it sees the disk."""
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]

    def run(self, script):
        done = subprocess.run(
            [*self.prefix, "sh", "-c", script, "sh", self.directory], capture_output=True, text=True, timeout=30
        )
        return done.returncode

    def fill(self):
        """Leaves no byte free."""
        assert self.run('cat /dev/zero > "$1/filler"') != 0, "a disk without an end"

    def free(self):
        assert self.run('rm "$1/filler"') == 0

    def protect(self):
        assert self.run('mount -o remount,ro "$1"') == 0

    def unprotect(self):
        assert self.run('mount -o remount,rw "$1"') == 0
