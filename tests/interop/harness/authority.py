"""A certification authority, kept with the openssl commands of docs/TLS.md."""

import shutil
import subprocess

from . import leave_out

CONFIGURATION = """[ca]
default_ca = lab
[lab]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
"""

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
SIGNER = ["-keyfile", "ca.key", "-cert", "ca.crt"]


class Authority:
    """Its files are in `directory`: ca.crt, ca.key, and what it issues."""

    def __init__(self, directory):
        if not shutil.which("openssl"):
            leave_out("needs openssl")
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ca.cnf").write_text(CONFIGURATION)
        (directory / "index.txt").write_text("")
        (directory / "crlnumber").write_text("01\n")
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._openssl("req", "-x509", *KEY, "-days", "30", "-subj", "/CN=lab", *usage, "-keyout", "ca.key", "-out", "ca.crt")

    def issue(self, name, extension="extendedKeyUsage=clientAuth"):
        """Makes NAME.crt and NAME.key."""
        self._openssl("req", "-new", *KEY, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30"]
        request = ["-req", "-in", f"{name}.csr", "-extfile", "/dev/stdin", "-out", f"{name}.crt"]
        self._openssl("x509", *request, *signer, given=extension)

    def revoke(self, name):
        self._openssl("ca", "-config", "ca.cnf", *SIGNER, "-revoke", f"{name}.crt")

    def list(self, to, *times):
        """Writes a revocation list; `times` are more flags."""
        self._openssl("ca", "-config", "ca.cnf", *SIGNER, "-gencrl", *times, "-out", to)

    def flags(self, name=None):
        """gnmic's flags for a client with this certificate."""
        trust = ["--tls-ca", str(self.directory / "ca.crt")]
        own = ["--tls-cert", f"{self.directory / name}.crt", "--tls-key", f"{self.directory / name}.key"] if name else []
        return trust + own

    def _openssl(self, *arguments, given=None):
        finished = subprocess.run(
            ["openssl", *map(str, arguments)], cwd=self.directory, input=given, capture_output=True, text=True, timeout=30
        )
        assert finished.returncode == 0, finished.stderr
