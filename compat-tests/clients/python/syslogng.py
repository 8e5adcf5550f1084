"""syslog-ng's kafka-c destination under the common contract; see shipper.py. Its control socket gives the statistics."""

import re
import subprocess

import contract
import debian
import shipper

FLUSH_MS = 20000
LOST = re.compile(r"remaining entries will be purged and lost;.*outq_len='(\d+)'")


class SyslogNg(shipper.Shipper):
    name = "syslog-ng"
    counts = {}

    def config(self):
        args = self.args
        params = {
            "acks": args.acks,
            "enable.idempotence": str(args.idempotent).lower(),
            "compression.codec": args.codec,
            "linger.ms": args.linger_ms,
            "message.max.bytes": args.max_message_bytes,
        }
        config = " ".join(f'{name}("{value}")' for name, value in params.items())
        return f"""@version: 3.38
options {{ stats-level(1); log-msg-size(8388608); }};
source lines {{ file("{self.folder}/input.log" follow-freq(1) flags(no-parse)); }};
destination broker {{
  kafka-c(bootstrap-servers("{args.bootstrap}") topic("{args.topic}") message("$MSG")
    flush-timeout-on-shutdown({FLUSH_MS}) config({config}));
}};
log {{ source(lines); destination(broker); }};
"""

    def command(self):
        folder = self.folder
        modules = next(debian.ROOT.glob("usr/lib/syslog-ng/[0-9]*"))
        command = [debian.ROOT / "usr/sbin/syslog-ng", "-F", "--no-caps", "--stderr", "-f", folder / "daemon.conf"]
        command += ["-R", folder / "persist", "-p", folder / "pid", "-c", folder / "control"]
        return command + [f"--module-path={modules}"]

    def settled(self, count):
        """Written or dropped by the statistics: `written` counts what librdkafka took, not yet what was acknowledged."""
        control = [debian.ROOT / "usr/sbin/syslog-ng-ctl", "stats", "-c", self.folder / "control"]
        stats = subprocess.run(control, capture_output=True, text=True, env=debian.libraries()).stdout
        rows = (line.split(";") for line in stats.splitlines() if line.startswith("dst.kafka;"))
        self.counts = {row[4]: int(row[5]) for row in rows}
        return self.counts.get("written", 0) + self.counts.get("dropped", 0) >= count

    def outcome(self, count):
        """What was not acknowledged by the end of the flush is named in the last words of the daemon."""
        words = (self.folder / "daemon.err").read_text(errors="replace")
        lost = LOST.search(words)
        lost = int(lost[1]) if lost else 0
        return self.counts.get("written", 0) - lost, self.counts.get("dropped", 0) + lost


contract.main(shipper.produce_with(SyslogNg), shipper.consume)
