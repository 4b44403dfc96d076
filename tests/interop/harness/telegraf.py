"""Telegraf as a subprocess: the shipped configuration pointed at a daemon, and the metrics it writes as they arrive."""

import json
import os
import re
import subprocess

from . import REPOSITORY, eventually, leave_out

SHIPPED = REPOSITORY / "config" / "telegraf.conf"


def shipped(address, interval="1s", ca=None, encoding="proto"):
    """The input of config/telegraf.conf with another address, sample interval and encoding, and its TLS lines in use."""
    text = SHIPPED.read_text().split("[[outputs.file]]")[0]
    text = replace(text, r"127\.0\.0\.1:57400", address)
    text = replace(text, r'(sample_interval = )"10s"', rf'\1"{interval}"')
    text = replace(text, r'(encoding = )"proto"', rf'\1"{encoding}"')
    text = replace(text, r'(flush_interval = )"1s"', r'\1"200ms"')
    # A daemon that was away is asked again sooner than after ten seconds.
    text = replace(text, r"\[\[inputs\.gnmi\]\]", '[[inputs.gnmi]]\n  redial = "1s"')
    if ca:
        text = replace(text, r"# (tls_enable = true)", r"\1")
        text = replace(text, r'# (tls_ca = ").*"', rf'\1{ca}"')
    return text


def replace(text, old, new):
    text, count = re.subn(old, new, text)
    assert count, f"{SHIPPED.name} has no {old}"
    return text


class Telegraf:
    """A running Telegraf; a context that ends it."""

    def __init__(self, directory, inputs):
        self.binary = os.environ.get("TELEGRAF")
        if not self.binary:
            leave_out("needs Telegraf: set TELEGRAF, or install telegraf or Go >= 1.25")
        self.config = directory / "telegraf.conf"
        self.out = directory / "metrics.json"
        self.log_file = directory / "telegraf.log"
        self.config.write_text(
            f'{inputs}[[outputs.file]]\n  files = ["{self.out}"]\n  data_format = "json"\n  json_timestamp_units = "1ns"\n'
        )

    def __enter__(self):
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [self.binary, "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")

    def metrics(self, name, wanted=lambda metric: True):
        """The metrics of this name so far that are as wanted, in the order written."""
        if not self.out.exists():
            return []
        lines = self.out.read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [metric for metric in found if metric["name"] == name and wanted(metric)]

    def wait(self, name, wanted=lambda metric: True, count=1, timeout=15):
        """Waits for so many metrics that are as wanted; returns those."""

        def enough():
            assert self._process.poll() is None, self.log
            found = self.metrics(name, wanted)
            assert len(found) >= count, f"{len(found)} of {count} {name}: {self.log[-1000:]}"
            return found

        return eventually(enough, timeout)
