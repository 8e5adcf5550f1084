"""A log shipper as a long-lived producer: starts the daemon on a file, appends lines to it over time, stops it by its
process id once its own statistics say that all is delivered, and answers like a client.

Lines are values: a shipper takes no key, header or timestamp, and values must be text without line ends. The daemons
load no module that listens on the network.
"""

import signal
import subprocess
import tempfile
import time
from pathlib import Path

import contract
import debian

DRAIN_S = 30
STOP_S = 70
FEED_LINES = 1000
FEED_PAUSE_S = 0.01


class Shipper:
    """One daemon on a folder of its own; what differs between shippers is left to the subclasses."""

    name = ""
    chooses_partition = False

    def __init__(self, args, folder, partition):
        self.args, self.folder, self.partition = args, folder, partition

    def config(self):
        """The text of the daemon's configuration; it reads `input.log`."""
        raise NotImplementedError

    def command(self):
        """The daemon in the foreground on `daemon.conf`."""
        raise NotImplementedError

    def settled(self, count):
        """Whether the daemon's own statistics say that it is through with so many records; asked while it runs."""
        raise NotImplementedError

    def outcome(self, count):
        """(acknowledged, given up) of so many records by the daemon's own account; asked when it has ended."""
        raise NotImplementedError

    def run(self, values):
        """Ships the values and answers (acknowledged, given up)."""
        (self.folder / "input.log").touch()
        (self.folder / "daemon.conf").write_text(self.config())
        errors = self.folder / "daemon.err"
        with errors.open("wb") as out:
            daemon = subprocess.Popen(
                self.command(), stdout=out, stderr=out, env=debian.libraries(), cwd=self.folder
            )
        try:
            self.feed(values)
            deadline = time.monotonic() + DRAIN_S
            while not self.settled(len(values)) and time.monotonic() < deadline:
                if daemon.poll() is not None:
                    raise RuntimeError(errors.read_text(errors="replace").strip() or "the daemon ended early")
                time.sleep(0.1)
        finally:
            if daemon.poll() is None:
                daemon.send_signal(signal.SIGTERM)
                try:
                    daemon.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        return self.outcome(len(values))

    def feed(self, values):
        with open(self.folder / "input.log", "ab", buffering=0) as lines:
            for at in range(0, len(values), FEED_LINES):
                lines.write(b"".join(value + b"\n" for value in values[at : at + FEED_LINES]))
                time.sleep(FEED_PAUSE_S)


def produce_with(shipper):
    """The produce command of a shipper class."""

    def produce(args):
        done = contract.Produced()
        done.not_carried = {column: f"{shipper.name} ships lines of text: values only" for column in "kht"}
        lanes = {}
        for record in contract.read_input(args.input, args.partition):
            if record.value is None or b"\n" in record.value:
                raise ValueError(f"{shipper.name} ships lines of text: a null or a line end is none")
            lanes.setdefault(record.partition if shipper.chooses_partition else None, []).append(record.value)
        if not shipper.chooses_partition:
            done.not_carried["p"] = f"{shipper.name} has no setting for the partition"
        for partition, values in lanes.items():
            with tempfile.TemporaryDirectory(prefix=shipper.name) as folder:
                acked, failed = shipper(args, Path(folder), partition).run(values)
            done.sent += len(values)
            done.acked += acked
            for words, count in (("given up", failed), ("never acknowledged", len(values) - acked - failed)):
                for _ in range(count):
                    done.fail(words)
        done.finish()

    return produce


def consume(_args):
    raise NotImplementedError("a log shipper does not read")
