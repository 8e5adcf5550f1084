"""What a client can't do, found by trying: caps.py DRIVER NAME --bootstrap H:P --topic T [--reader NAME]

Each attempt is a record or a few of one kind. NAME writes them to partition 0 of the topic and a reference client reads
them; then the reference client writes them and NAME reads. A difference is reported in the words of the client's own
error or as what came back. The topic should take messages of 6 MB; the broker should be Apache Kafka, so that what is
missing is the client's and not the broker's.
"""

import argparse
import base64
import json
import subprocess
import tempfile
import time
from pathlib import Path

import contract

REFERENCE = "franz-go"
READ_MS = 4000
# Later than what clients stamp themselves, and earlier than what brokers refuse.
AHEAD_MS = 600_000
BIG = 5_000_000
LIMIT = 6_000_000
T = 1700000000000


def encoded(key, value, headers=(), timestamp=T):
    pairs = [[name, contract.tobase64(content)] for name, content in headers]
    return {"k": contract.tobase64(key), "v": contract.tobase64(value), "h": pairs, "t": timestamp, "p": 0}


# name, records, arguments of produce
ATTEMPTS = [
    ("plain record", [encoded(b"k", b"v")], []),
    ("timestamp of its own", [encoded(b"k", b"v")], []),
    ("null key", [encoded(None, b"v")], []),
    ("null value", [encoded(b"k", None)], []),
    ("empty key", [encoded(b"", b"v")], []),
    ("empty value", [encoded(b"k", b"")], []),
    ("null and empty side by side", [encoded(None, b""), encoded(b"", None)], []),
    ("one-byte value", [encoded(None, b"1")], []),
    ("binary key and value", [encoded(bytes(range(256)), bytes(range(255, -1, -1)))], []),
    ("Korean, Japanese and emoji keys", [encoded(key.encode(), b"v") for key in ("안녕", "こんにちは", "🐟")], []),
    ("header", [encoded(b"k", b"v", [("a", b"1")])], []),
    ("different headers in one run", [encoded(b"k", b"v", [("a", b"1")]), encoded(b"k", b"v", [("b", b"2")])], []),
    ("null header value", [encoded(b"k", b"v", [("a", None)])], []),
    ("empty header value", [encoded(b"k", b"v", [("a", b"")])], []),
    ("empty header name", [encoded(b"k", b"v", [("", b"1")])], []),
    ("binary header value", [encoded(b"k", b"v", [("a", b"\x00\xff,=\n")])], []),
    ("repeated header name", [encoded(b"k", b"v", [("a", b"1"), ("a", b"2")])], []),
    ("repeated header name, another between", [encoded(b"k", b"v", [("a", b"1"), ("b", b"2"), ("a", b"3")])], []),
    ("timestamp 0", [encoded(b"k", b"v", timestamp=0)], []),
    ("timestamps 60 days apart, going back", [encoded(b"k", b"v"), encoded(b"k", b"v", timestamp=T - 5184000000)], []),
    ("record of 5 MB", [encoded(b"k", b"x" * BIG)], ["--max-message-bytes", str(LIMIT)]),
    ("codec gzip", [encoded(b"k", b"v" * 1000)] * 3, ["--codec", "gzip"]),
    ("codec snappy", [encoded(b"k", b"v" * 1000)] * 3, ["--codec", "snappy"]),
    ("codec lz4", [encoded(b"k", b"v" * 1000)] * 3, ["--codec", "lz4"]),
    ("codec zstd", [encoded(b"k", b"v" * 1000)] * 3, ["--codec", "zstd"]),
    ("acks 0", [encoded(b"k", b"v")], ["--acks", "0"]),
    ("acks 1", [encoded(b"k", b"v")], ["--acks", "1"]),
    ("idempotent", [encoded(b"k", b"v")] * 3, ["--idempotent"]),
]


class Trial:
    """Runs clients through the driver on partition 0 of one topic."""

    def __init__(self, args, folder):
        self.args, self.folder = args, folder

    def call(self, client, command, *words):
        """Every line the client printed; one of our own where it printed none."""
        args = self.args
        line = [args.driver, client, command, "--bootstrap", args.bootstrap, "--topic", args.topic, *words]
        run = subprocess.run(line, capture_output=True, text=True)
        answers = [json.loads(text) for text in run.stdout.splitlines() if text.startswith("{")]
        return answers or [{"ok": False, "error": run.stderr.strip()[-300:]}]

    def end(self):
        words = ["--partition", "0", "--from", "end", "--count", "0"]
        return self.call(REFERENCE, "consume", *words)[0]["position"]

    def write(self, client, rows, words):
        path = self.folder / "input.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return self.call(client, "produce", "--input", str(path), *words)[-1]

    def read(self, client, start, count):
        path = self.folder / "output.jsonl"
        path.unlink(missing_ok=True)
        words = ["--partition", "0", "--from", str(start), "--count", str(count), "--timeout-ms", str(READ_MS)]
        answer = self.call(client, "consume", *words, "--out", str(path))[-1]
        return answer, [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def short(text):
    """A base64 field for a human."""
    if text is None:
        return "null"
    data = base64.b64decode(text)
    return repr(data) if len(data) < 60 else f"{len(data)} bytes"


def difference(wanted, rows):
    """What came back otherwise, in words; None where all is the same or no timestamp was wanted."""
    if len(rows) != len(wanted):
        return f"{len(wanted)} records went in, {len(rows)} came out"
    for want, row in zip(wanted, rows):
        for field, what in (("k", "key"), ("v", "value")):
            if want[field] != row[field]:
                return f"{what} {short(want[field])} came back as {short(row[field])}"
        if want["h"] != row["h"]:
            shown = [[(name, short(value)) for name, value in headers] for headers in (want["h"], row["h"])]
            return f"headers {shown[0]} came back as {shown[1]}"
        if want["t"] not in (None, row["t"]):
            return f"timestamp {want['t']} came back as {row['t']}"
    return None


def words_of(answer):
    """The client's own words for what it did not do."""
    return answer.get("error") or "; ".join(answer.get("errors", {})) or "not all came, without a word"


def try_writing(trial, rows, words):
    """None, or why the client under test can't write these."""
    start = trial.end()
    answer = trial.write(trial.args.name, rows, words)
    if not answer["ok"]:
        return words_of(answer)
    found = difference(rows, trial.read(REFERENCE, start, len(rows))[1])
    why = "; ".join(f"{column}: {words}" for column, words in answer.get("not_carried", {}).items())
    return f"{found} ({why})" if found and why else found


def try_reading(trial, rows, words, skip=0, from_text=None):
    """None, or why the client under test can't read these, from the record after `skip` others on."""
    start = trial.end()
    written = trial.write(REFERENCE, rows, words)
    if not written["ok"]:
        raise RuntimeError(f"the reference client failed: {words_of(written)}")
    answer, read = trial.read(trial.args.name, from_text or start + skip, len(rows) - skip)
    found = difference(rows[skip:], read)
    return f"{answer['error']}" if answer.get("error") else found


def stripped(name, rows, lines):
    """Records without the fields that the attempt is not about, where a client has trouble with those anyway."""
    rows = rows if "timestamp" in name else [row | {"t": None} for row in rows]
    if lines and not any(word in name for word in ("key", "header", "timestamp")):
        rows = [row | {"k": None, "h": []} for row in rows]
    return rows


def main():
    parser = argparse.ArgumentParser()
    for name in ("driver", "name", "--bootstrap", "--topic"):
        parser.add_argument(name)
    args = parser.parse_args()
    listed = subprocess.run([args.driver, "list"], capture_output=True, text=True, check=True).stdout
    facts = next(row for row in map(json.loads, listed.splitlines()) if row["name"] == args.name)
    answer = {"client": args.name, "tried": 0, "cannot_write": {}, "cannot_read": {}}
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(args, Path(folder))
        attempts = []
        for name, rows, words in ATTEMPTS:
            rows = stripped(name, rows, facts.get("lines"))
            attempts.append(("cannot_write", name, lambda r=rows, w=words: try_writing(trial, r, w)))
            if facts["consume"]:
                attempts.append(("cannot_read", name, lambda r=rows, w=words: try_reading(trial, r, w)))
        if facts["consume"]:
            three = [encoded(b"k", b"%d" % at, timestamp=T + at * 1000) for at in range(3)]
            middle = "start in the middle of a batch"
            attempts.append(("cannot_read", middle, lambda: try_reading(trial, three, ["--codec", "gzip"], 1)))
            later = int(time.time() * 1000) + AHEAD_MS
            late = [row | {"t": later + at * 1000} for at, row in enumerate(three)]
            stamp = "start at a timestamp"
            attempts.append(("cannot_read", stamp, lambda: try_reading(trial, late, [], 1, f"ts:{later + 1}")))
        for side, name, attempt in attempts:
            answer["tried"] += 1
            if found := attempt():
                answer[side][name] = found
    contract.emit(answer)


main()
