"""Certificates for tests: authorities and what they have signed, made by openssl."""

import subprocess


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        run(folder, "req", "-x509", *EC, "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")

    @property
    def path(self):
        return str(self.folder / f"{self.name}.pem")

    def sign(self, name, alternative_names, usage):
        """Returns the paths of a new certificate and of its key."""
        run(self.folder, "req", *EC, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternative_names}\nextendedKeyUsage={usage}\n")
        run(
            self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem",
        )  # fmt: skip
        (self.folder / f"{name}.key").chmod(0o600)
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")


EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def run(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def fingerprint(path):
    """SHA-256 over the certificate, in hexadecimal digits."""
    done = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"], check=True, capture_output=True, text=True)
    return done.stdout.strip().split("=")[1].replace(":", "").lower()
