"""Where compat-tests/install unpacked Debian's programs."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / ".work" / "debian"


def libraries():
    """The environment in which the unpacked programs find their libraries."""
    folders = [*ROOT.glob("usr/lib/*-linux-gnu"), *ROOT.glob("lib/*-linux-gnu"), ROOT / "usr/lib/syslog-ng"]
    return os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, folders))}
