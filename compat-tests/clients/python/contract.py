"""What every Python client program shares: arguments, input lines, checksums, the result line.

The contract itself is written down in ../README.md.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys
import time
from collections import Counter
from typing import NamedTuple, Optional

NULL = b"\xff\xff\xff\xff"
COLUMNS = ("k", "v", "h", "t")


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


def emit(answer):
    print(json.dumps(answer), flush=True)


def ready(position):
    """Says that the consumer stands at `position`: what is produced from now on is seen."""
    emit({"ready": True, "position": position})


def arguments():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    produce = commands.add_parser("produce")
    consume = commands.add_parser("consume")
    for command in (produce, consume):
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
    return parser.parse_args()


def start_of(args):
    """The start as a pair: ("start" | "end" | "offset" | "ts", number or None)."""
    text = args.start
    if text in ("start", "end"):
        return text, None
    if text.startswith("ts:"):
        return "ts", int(text[3:])
    return "offset", int(text)


def main(produce, consume):
    args = arguments()
    try:
        (produce if args.command == "produce" else consume)(args)
    except Exception as error:  # noqa: BLE001 - whatever the client throws is its answer
        emit({"ok": False, "error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
