"""kcat under the common contract: one process for each partition written, one for the partition read.

kcat takes records as text between delimiters: a random delimiter keeps keys and values whole. It takes headers on
its command line, so that one run has one set of them, and no timestamps.
"""

import re
import secrets
import subprocess
import sys

import contract
import debian

KCAT = str(debian.ROOT / "usr/bin/kcat")
DELIVERED = re.compile(rb"% Message delivered to partition (\d+) \(offset (-?\d+)\)")
FAILED = re.compile(rb"% Delivery failed for message: ([^\n]*)")


def produce_run(args, done, partition, records):
    """One kcat process for records of one partition (None: kcat chooses)."""
    end, between = secrets.token_hex(8), secrets.token_hex(8)
    command = [KCAT, "-P", "-b", args.bootstrap, "-t", args.topic, "-D", end, "-K", between, "-vvv"]
    command += ["-p", str(-1 if partition is None else partition), "-z", args.codec]
    for name, value in {
        "acks": args.acks,
        "enable.idempotence": str(args.idempotent).lower(),
        "linger.ms": args.linger_ms,
        "message.max.bytes": max(args.max_message_bytes, 1000),
        "queue.buffering.max.messages": 1000000,
    }.items():
        command += ["-X", f"{name}={value}"]
    if any(record.key is None or record.value is None for record in records):
        command.append("-Z")  # empty means null, for the whole run
        if b"" in {field for record in records for field in record[:2]}:
            done.not_carried["v"] = "-Z makes every empty key and value of a run null"
    if any(record.timestamp is not None for record in records):
        done.not_carried["t"] = "kcat has no option for the timestamp of a message"
    if any(record.headers != records[0].headers for record in records):
        done.not_carried["h"] = "-H holds for every message of a run"
    else:
        for name, value in records[0].headers:
            if value is None or b"\0" in value or "=" in name:
                done.not_carried["h"] = "-H takes name=value or name, both as text"
            else:
                command += ["-H", name.encode() + b"=" + value]
    fields = (record.key or b"" for record in records), (record.value or b"" for record in records)
    text = b"".join(key + between.encode() + value + end.encode() for key, value in zip(*fields))
    done.sent += len(records)
    run = subprocess.run(command, input=text, capture_output=True, env=debian.libraries())
    for to, offset in DELIVERED.findall(run.stderr):
        done.ack(int(to), int(offset))
    failed = FAILED.findall(run.stderr)
    for words in failed:
        done.fail(words.decode())
    if run.returncode and not failed:
        raise RuntimeError(run.stderr.decode(errors="replace").strip().splitlines()[-1])


def produce(args):
    done = contract.Produced()
    lanes = {}
    for record in contract.read_input(args.input, args.partition):
        lanes.setdefault(record.partition, []).append(record)
    for partition, records in lanes.items():
        produce_run(args, done, partition, records)
    done.finish()


def query(args, timestamp):
    """The offset kcat -Q answers for a timestamp, -2 being the start and -1 the end."""
    where = f"{args.topic}:{args.partition}:{timestamp}"
    command = [KCAT, "-Q", "-b", args.bootstrap, "-t", where]
    run = subprocess.run(command, capture_output=True, text=True, env=debian.libraries())
    found = re.search(r"offset (-?\d+)", run.stdout)
    if not found:
        raise RuntimeError(run.stderr.strip() or run.stdout.strip())
    return int(found[1])


def position(args):
    kind, number = contract.start_of(args)
    if kind == "offset":
        return number
    if kind == "ts":
        found = query(args, number)
        if found >= 0:
            return found
    return query(args, -2 if kind == "start" else -1)


def headers_of(text):
    """kcat prints name=value pairs joined by commas, and NULL for null."""
    if not text:
        return []
    pairs = (pair.partition(b"=") for pair in text.split(b","))
    return [(name.decode(), None if value == b"NULL" else value) for name, _, value in pairs]


def consume(args):
    start = position(args)
    end = secrets.token_bytes(12).hex()
    form = f"%o %T %K %S\n%k%s%h{end}"
    command = [KCAT, "-C", "-q", "-u", "-b", args.bootstrap, "-t", args.topic, "-p", str(args.partition)]
    command += ["-o", str(start), "-f", form, "-X", "auto.offset.reset=error", "-X", "check.crcs=true"]
    command += ["-X", "fetch.message.max.bytes=8388608", "-c", str(args.count)]
    contract.ready(start)
    got = contract.Consumed(args)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=debian.libraries()) as run:
        try:
            printed, errors = run.communicate(timeout=args.timeout_ms / 1000)
        except subprocess.TimeoutExpired:
            run.terminate()
            printed, errors = run.communicate()
    at = 0
    while at < len(printed):
        line = printed.index(b"\n", at)
        offset, timestamp, key_size, value_size = (int(word) for word in printed[at:line].split())
        key_end = line + 1 + max(key_size, 0)
        value_end = key_end + max(value_size, 0)
        stop = printed.index(end.encode(), value_end)
        key = None if key_size < 0 else printed[line + 1 : key_end]
        value = None if value_size < 0 else printed[key_end:value_end]
        got.add(offset, key, value, headers_of(printed[value_end:stop]), timestamp)
        at = stop + len(end)
    if errors:
        sys.stderr.buffer.write(errors)
    got.finish()


contract.main(produce, consume)
