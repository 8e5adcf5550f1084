"""What every Python client program shares: arguments, input lines, checksums, the result line.

The contract itself is written down in ../README.md.
"""

import argparse
import base64
import hashlib
import json
import os
import struct
import sys
import threading
import time
from collections import Counter
from typing import NamedTuple, Optional

NULL = b"\xff\xff\xff\xff"
COLUMNS = ("k", "v", "h", "t")
# How long a member that ends goes on trying to commit while its group rebalances.
LEAVE_S = 10


class Record(NamedTuple):
    """One record; `timestamp` in milliseconds, `partition` None where the client may choose."""

    key: Optional[bytes]
    value: Optional[bytes]
    headers: list
    timestamp: Optional[int]
    partition: Optional[int]


def unbase64(text):
    return None if text is None else base64.b64decode(text)


def tobase64(data):
    return None if data is None else base64.b64encode(data).decode()


def read_input(path, partition=-1):
    """Records of a JSONL file; a partition >= 0 overrides the one in each line."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            headers = [(name, unbase64(value)) for name, value in row.get("h") or []]
            to = partition if partition >= 0 else row.get("p")
            yield Record(unbase64(row.get("k")), unbase64(row.get("v")), headers, row.get("t"), to)


def framed(data):
    return NULL if data is None else struct.pack(">I", len(data)) + data


class Checksum:
    """SHA-256 over the canonical form of records in order, whole and by column."""

    def __init__(self):
        self.whole = hashlib.sha256()
        self.columns = {column: hashlib.sha256() for column in COLUMNS}
        self.count = 0

    def add(self, key, value, headers, timestamp):
        parts = [framed(key), framed(value), struct.pack(">I", len(headers)), struct.pack(">q", timestamp)]
        for name, content in headers:
            parts[2] += framed(name.encode()) + framed(content)
        for column, part in zip(COLUMNS, parts):
            self.columns[column].update(part)
        self.whole.update(b"".join(parts))
        self.count += 1

    def result(self):
        columns = {column: digest.hexdigest() for column, digest in self.columns.items()}
        return {"sha256": self.whole.hexdigest(), "columns": columns}


class Produced:
    """Counts what became of the records handed to a producer."""

    def __init__(self):
        self.sent = 0
        self.acked = 0
        self.errors = Counter()
        self.offsets = {}
        self.not_carried = {}

    def ack(self, partition, offset):
        self.acked += 1
        if offset is None or offset < 0:
            return
        seen = self.offsets.setdefault(str(partition), [offset, offset])
        seen[0] = min(seen[0], offset)
        seen[1] = max(seen[1], offset)

    def fail(self, words):
        self.errors[" ".join(str(words).split())] += 1

    def finish(self):
        answer = {
            "ok": not self.errors and self.acked == self.sent,
            "sent": self.sent,
            "acked": self.acked,
            "errors": dict(self.errors),
            "offsets": self.offsets,
        }
        if self.not_carried:
            answer["not_carried"] = self.not_carried
        emit(answer)


class Consumed:
    """Checksums the records read and writes them out where asked."""

    def __init__(self, args):
        self.wanted = args.count
        self.deadline = time.monotonic() + args.timeout_ms / 1000
        self.checksum = Checksum()
        self.first = self.last = None
        self.out = open(args.out, "w", encoding="utf-8") if args.out else None

    def more(self):
        return self.checksum.count < self.wanted and time.monotonic() < self.deadline

    def add(self, offset, key, value, headers, timestamp):
        if self.checksum.count >= self.wanted:
            return
        self.first = offset if self.first is None else self.first
        self.last = offset
        self.checksum.add(key, value, headers, timestamp)
        if self.out:
            row = {"offset": offset, "t": timestamp, "k": tobase64(key), "v": tobase64(value)}
            row["h"] = [[name, tobase64(content)] for name, content in headers]
            self.out.write(json.dumps(row) + "\n")

    def finish(self):
        if self.out:
            self.out.close()
        count = self.checksum.count
        answer = {"ok": count == self.wanted, "count": count}
        emit(answer | self.checksum.result() | {"first": self.first, "last": self.last})


class Member:
    """What a member of a group was given, has done and has committed. The program tells it what its client does.

    `first` counts from `begin`, else from here: made right before the client object.
    """

    def __init__(self, args, commits="revoke"):
        self.commits = commits
        # One write for each batch, straight to the file: what a killed member has not written was never done.
        self.out = open(args.out, "wb", buffering=0)
        self.count = 0
        self.owned = None
        self.pending = {}
        self.committed = {}
        self.ended = threading.Event()
        # A read of its own instead of sys.stdin, whose lock would be held when a member that failed exits.
        threading.Thread(target=self.wait_for_end, daemon=True).start()
        self.begin()

    def wait_for_end(self):
        while os.read(0, 4096):
            pass
        self.ended.set()

    def begin(self):
        """The client is told to consume."""
        self.started = time.monotonic()

    def first(self):
        emit({"event": "first", "ms": round((time.monotonic() - self.started) * 1000)})

    def done(self, partition, offsets):
        """Writes the lines of records that the client handed over; with that they are done."""
        if not self.count:
            self.first()
        self.out.write("".join(f"{partition} {offset}\n" for offset in offsets).encode())
        self.count += len(offsets)
        self.pending[partition] = offsets[-1] + 1

    def gain(self, partitions):
        """The client was assigned these besides what it had: with an eager assignor that is nothing any more."""
        self.own((self.owned or set()) | set(partitions))

    def drop(self, partitions):
        """The client has these no more; what of them is not committed by now stays so."""
        for partition in partitions:
            self.pending.pop(partition, None)
        if self.owned is not None:  # some clients revoke nothing before they join first
            self.own(self.owned - set(partitions))

    def own(self, partitions):
        if partitions != self.owned:
            self.owned = partitions
            emit({"event": "assigned", "partitions": sorted(partitions)})

    def to_commit(self, partitions=None):
        """Offsets by partition of what is done and not committed, of these partitions or all."""
        wanted = self.pending if partitions is None else partitions
        return {partition: self.pending[partition] for partition in wanted if partition in self.pending}

    def did_commit(self, offsets):
        for partition, offset in offsets.items():
            self.committed[str(partition)] = offset
            # Another batch may have come while an asynchronous program waited for the commit.
            if self.pending.get(partition) == offset:
                del self.pending[partition]

    def error(self, words):
        emit({"event": "error", "error": " ".join(str(words).split())})

    def finish(self):
        self.out.close()
        emit({"ok": True, "count": self.count, "commits": self.commits, "committed": self.committed})


def heartbeat_ms(args):
    """A third of the session timeout at most, as every client advises, and no more than the usual default."""
    return min(3000, args.session_ms // 3)


def chosen(assignors, name):
    """The client's class of that assignor's name."""
    if name not in assignors:
        raise ValueError(f"the client has no assignor {name}, but {', '.join(assignors)}")
    return assignors[name]


def leave(commit, poll):
    """Commits what is done. A rebalance under way refuses that; the member takes part in it and tries again."""
    deadline = time.monotonic() + LEAVE_S
    while not commit() and time.monotonic() < deadline:
        poll()


def emit(answer):
    # In one write: programs whose client calls back on a thread of its own print from two.
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def ready(position):
    """Says that the consumer stands at `position`: what is produced from now on is seen."""
    emit({"ready": True, "position": position})


def arguments():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    produce = commands.add_parser("produce")
    consume = commands.add_parser("consume")
    group = commands.add_parser("group")
    for command in (produce, consume, group):
        command.add_argument("--bootstrap", required=True)
        command.add_argument("--topic", required=True)
    produce.add_argument("--partition", type=int, default=-1)
    produce.add_argument("--input", required=True)
    produce.add_argument("--codec", default="none", choices=["none", "gzip", "snappy", "lz4", "zstd"])
    produce.add_argument("--acks", default="all", choices=["0", "1", "all"])
    produce.add_argument("--idempotent", action="store_true")
    produce.add_argument("--max-message-bytes", type=int, default=1048588)
    produce.add_argument("--linger-ms", type=int, default=5)
    consume.add_argument("--partition", type=int, required=True)
    consume.add_argument("--from", dest="start", default="start")
    consume.add_argument("--count", type=int, required=True)
    consume.add_argument("--timeout-ms", type=int, default=30000)
    consume.add_argument("--out")
    group.add_argument("--group", required=True)
    group.add_argument("--out", required=True)
    group.add_argument("--protocol", default="classic", choices=["classic", "consumer"])
    group.add_argument("--assignor")
    group.add_argument("--instance")
    group.add_argument("--session-ms", type=int, default=10000)
    return parser.parse_args()


def start_of(args):
    """The start as a pair: ("start" | "end" | "offset" | "ts", number or None)."""
    text = args.start
    if text in ("start", "end"):
        return text, None
    if text.startswith("ts:"):
        return "ts", int(text[3:])
    return "offset", int(text)


def no_group(_args):
    raise NotImplementedError("joins no group")


def main(produce, consume, group=no_group):
    args = arguments()
    command = {"produce": produce, "consume": consume, "group": group}[args.command]
    try:
        command(args)
    except Exception as error:  # noqa: BLE001 - whatever the client throws is its answer
        emit({"ok": False, "error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
