"""rsyslog's omkafka under the common contract; see shipper.py. Its statistics come once a second."""

import json

import contract
import debian
import shipper

CLOSE_MS = 20000


class Rsyslog(shipper.Shipper):
    name = "rsyslog"
    chooses_partition = True
    submitted = 0

    def config(self):
        args, folder = self.args, self.folder
        params = [
            f"acks={args.acks}",
            f"enable.idempotence={str(args.idempotent).lower()}",
            f"compression.codec={args.codec}",
            f"linger.ms={args.linger_ms}",
            f"message.max.bytes={args.max_message_bytes}",
        ]
        fixed = "" if self.partition is None else f'partitions.usefixed="{self.partition}"'
        return f"""
global(workDirectory="{folder}" maxMessageSize="8m")
module(load="imfile" mode="inotify")
module(load="omkafka")
module(load="impstats" interval="1" format="json" resetCounters="off" log.file="{folder}/stats" log.syslog="off")
template(name="line" type="string" string="%msg%")
input(type="imfile" file="{folder}/input.log" tag="compat" ruleset="ship" addMetadata="off" escapeLF="off")
ruleset(name="ship") {{
  action(type="omkafka" name="ship" statsName="ship" broker=["{args.bootstrap}"] topic="{args.topic}" {fixed}
         template="line" confParam={json.dumps(params)} resubmitOnFailure="on" keepFailedMessages="on"
         failedMsgFile="{folder}/failed" closeTimeout="{CLOSE_MS}")
}}
"""

    def command(self):
        modules = next(debian.ROOT.glob("usr/lib/*-linux-gnu/rsyslog"))
        folder = self.folder
        daemon = debian.ROOT / "usr/sbin/rsyslogd"
        return [daemon, "-n", "-f", folder / "daemon.conf", "-i", folder / "pid", "-M", modules]

    def settled(self, count):
        """Submitted, not acknowledged: omkafka hears of deliveries only while it sends more or is closing."""
        stats = self.folder / "stats"
        lines = stats.read_text().splitlines() if stats.exists() else []
        rows = [json.loads(line[line.index("{") :]) for line in lines if '"origin": "omkafka"' in line and "}" in line]
        self.submitted = max((row["submitted"] for row in rows if row["name"] == "ship"), default=0)
        return self.submitted >= count

    def outcome(self, count):
        """What is not delivered when rsyslog ends is in its file of failed messages."""
        failed = self.folder / "failed"
        given_up = len(failed.read_bytes().splitlines()) if failed.exists() else 0
        return self.submitted - given_up, given_up


contract.main(shipper.produce_with(Rsyslog), shipper.consume)
