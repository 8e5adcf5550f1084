"""kcat under the common contract: one process for each partition written, one for the partition read, one for a member.

kcat takes records as text between delimiters: a random delimiter keeps keys and values whole. It takes headers on
its command line, so that one run has one set of them, and no timestamps.
"""

import ctypes
import re
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path

import contract
import debian

KCAT = str(debian.ROOT / "usr/bin/kcat")
DELIVERED = re.compile(rb"% Message delivered to partition (\d+) \(offset (-?\d+)\)")
FAILED = re.compile(rb"% Delivery failed for message: ([^\n]*)")
# What a member prints, eager and cooperative, and what librdkafka logs in between: a line each, in one write.
REBALANCED = re.compile(r"% Group .* rebalanced.*\): *(.*)")
REVOKED = re.compile(r"\): revoked: |: incremental revoke of ")
HELD = re.compile(r"\[(\d+)\]")
LOGGED = re.compile(r"%([0-7])\|[\d.]+\|([A-Z_]+)\|")
STORED = re.compile(r"\[(\d+)\](?: from assignment .*stored offset=(\d+)|: stored offset (\d+), .*for commit)")
COMMITTED = re.compile(r"OffsetCommit for .* returned: Success")
WARNING = 4
FIRST_S, WATCH_S, STOP_S = 0.002, 0.05, 90
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


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


def member_command(args):
    # -E: a broker that is away for a while ends no member.
    command = [KCAT, "-G", args.group, "-b", args.bootstrap, "-E", "-u", "-f", "%p %o\\n"]
    settings = {
        "auto.offset.reset": "earliest",
        # kcat tells what it is assigned, and only librdkafka's log what was committed of it.
        "debug": "cgrp,topic",
        "group.instance.id": args.instance,
    }
    if args.protocol == "consumer":
        settings |= {"group.protocol": "consumer"}  # refused in the client's own words
    else:
        settings |= {"session.timeout.ms": args.session_ms, "heartbeat.interval.ms": contract.heartbeat_ms(args)}
        settings |= {"max.poll.interval.ms": max(300000, args.session_ms)}
        settings |= {"partition.assignment.strategy": args.assignor}
    for name, value in settings.items():
        command += ["-X", f"{name}={value}"] if value is not None else []
    return command + [args.topic]


class Listener:
    """Reads what kcat and its librdkafka write to stderr, where a logged line may split one of kcat's own."""

    def __init__(self, member):
        self.member, self.stored, self.words, self.said = member, {}, "", ""

    def read(self, lines):
        for line in lines:
            line = line.decode(errors="replace")
            logged = LOGGED.search(line)
            self.said += line[: logged.start()] if logged else line
            if logged:
                self.log(int(logged[1]), logged[2], line[logged.end() :].strip())
            elif self.said.endswith("\n"):
                self.tell(self.said.strip())
                self.said = ""

    def tell(self, line):
        if line.startswith(("% ERROR", "% FATAL")):
            self.words = line
            self.member.error(line)
        elif found := REBALANCED.match(line):
            partitions = [int(number) for number in HELD.findall(found[1])]
            (self.member.drop if REVOKED.search(line) else self.member.gain)(partitions)

    def log(self, level, tag, line):
        if found := STORED.search(line):
            numbers = [int(number) for number in found.groups() if number is not None]
            self.stored[str(numbers[0])] = numbers[1]
        elif COMMITTED.search(line):
            self.member.committed |= self.stored
            self.stored = {}
        elif level <= WARNING:
            self.member.error(f"{tag}: {line}")
            self.stored = {} if tag == "COMMITFAIL" else self.stored


def watch(args, member, run):
    """Until the member is to end, or kcat has ended by itself. kcat writes the file, which tells its first record."""
    seen = False
    while run.poll() is None and not member.ended.wait(WATCH_S if seen else FIRST_S):
        if not seen and Path(args.out).stat().st_size:
            member.first()
            seen = True


def account(args, member):
    """Counts kcat's lines, and writes the one that it may owe.

    Once told to end, kcat drops a record that it is just taking, unprinted, but librdkafka has it for consumed and
    commits it. That is kcat's loss and no broker's: the line is written here, and the error told.
    """
    lines = Path(args.out).read_text().splitlines()
    last = dict(line.split() for line in lines)
    member.count = len(lines)
    for partition, offset in member.committed.items():
        if int(last.get(partition, -1)) < offset - 1:
            member.error(f"kcat took record {offset - 1} of partition {partition} and dropped it when told to end")
            member.done(int(partition), [offset - 1])


def group(args):
    """kcat has no revoke callback and commits by itself: every five seconds, and what is taken from it, at its end too.

    It closes at SIGTERM. It writes its lines straight to the file, for those in a pipe to a program that is killed
    would be committed and not done. It is killed with this program, but not stopped with it.
    """
    member = contract.Member(args, "auto")
    run = subprocess.Popen(
        member_command(args),
        stdout=member.out,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=debian.libraries(),
        preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    listener = Listener(member)
    reader = threading.Thread(target=listener.read, args=(run.stderr,))
    reader.start()
    watch(args, member, run)
    if run.poll() is not None:
        reader.join()
        raise RuntimeError(listener.words or f"kcat ended by itself with {run.returncode}")
    run.send_signal(signal.SIGTERM)
    try:
        run.wait(STOP_S)
    except subprocess.TimeoutExpired:
        run.kill()
        raise
    finally:
        reader.join()
    account(args, member)
    member.finish()


contract.main(produce, consume, group)
