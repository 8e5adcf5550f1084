"""Turns the tables of npm's vega-datasets into one JSONL input over four partitions, in order of time; the same
bytes every time.

    dataset.py SOURCE_DIR OUT.jsonl OUT.json

OUT.jsonl holds the records, OUT.json their number and, by partition, what a reader must find (see ../README.md).
"""

import csv
import json
import sys
import zlib
from datetime import datetime, timezone
from pathlib import Path

import contract

PARTITIONS = 4
# Rows without a date of their own from 1970 to here are a second apart from here on. (Some films of the source are
# dated decades ahead, and brokers refuse timestamps more than an hour in the future.)
UNDATED_MS = 1577836800000
# file, column of the key, column of the date and its format
TABLES = [
    ("zipcodes.csv", "zip_code", None, None),
    ("flights-20k.json", "origin", "date", "%Y/%m/%d %H:%M"),
    ("species.csv", "scientific_name", None, None),
    ("birdstrikes.csv", "Airport Name", "Flight Date", "%Y-%m-%d"),
    ("seattle-weather-hourly-normals.csv", None, "date", "%Y-%m-%dT%H:%M:%S"),
    ("jobs.json", "job", None, None),
    ("football.json", "home_team", "date", "%Y-%m-%d"),
    ("sp500-2000.csv", "date", "date", "%Y-%m-%d"),
    ("airports.csv", "iata", None, None),
    ("movies.json", "Title", "Release Date", "%b %d %Y"),
]


def rows(path):
    if path.suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def date_ms(row, column, form):
    """The row's own date in milliseconds, or None where it has none that a broker takes."""
    try:
        day = datetime.strptime(row[column], form).replace(tzinfo=timezone.utc)
    except (KeyError, TypeError, ValueError):
        return None
    ms = int(day.timestamp() * 1000)
    return ms if 0 < ms < UNDATED_MS else None


def records(source):
    number = 0
    for name, key_column, date_column, form in TABLES:
        for at, row in enumerate(rows(source / name)):
            key = None if key_column is None or row[key_column] is None else str(row[key_column]).encode()
            value = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
            headers = [("table", name.encode()), ("row", str(at).encode()), ("type", b"application/json")]
            own = date_ms(row, date_column, form) if date_column else None
            timestamp = UNDATED_MS + number * 1000 if own is None else own
            partition = (number if key is None else zlib.crc32(key)) % PARTITIONS
            yield contract.Record(key, value, headers, timestamp, partition)
            number += 1


def main():
    source, lines_path, facts_path = (Path(word) for word in sys.argv[1:])
    sums = [contract.Checksum() for _ in range(PARTITIONS)]
    size = 0
    with lines_path.open("w", encoding="utf-8") as out:
        for record in sorted(records(source), key=lambda record: record.timestamp):
            sums[record.partition].add(record.key, record.value, record.headers, record.timestamp)
            size += len(record.key or b"") + len(record.value)
            line = {"k": contract.tobase64(record.key), "v": contract.tobase64(record.value)}
            line["h"] = [[name, contract.tobase64(content)] for name, content in record.headers]
            line |= {"t": record.timestamp, "p": record.partition}
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    facts = {"records": sum(s.count for s in sums), "key_and_value_bytes": size}
    facts["partitions"] = [{"partition": p, "count": s.count} | s.result() for p, s in enumerate(sums)]
    facts_path.write_text(json.dumps(facts, indent=1) + "\n")


main()
