"""syslog-ng's kafka-c destination under the common contract; see shipper.py. Its control socket gives the statistics."""

import subprocess

import contract
import debian
import shipper


class SyslogNg(shipper.Shipper):
    name = "syslog-ng"

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
  kafka-c(bootstrap-servers("{args.bootstrap}") topic("{args.topic}") message("$MSG") config({config}));
}};
log {{ source(lines); destination(broker); }};
"""

    def command(self):
        folder = self.folder
        modules = next(debian.ROOT.glob("usr/lib/syslog-ng/[0-9]*"))
        command = [debian.ROOT / "usr/sbin/syslog-ng", "-F", "--no-caps", "--stderr", "-f", folder / "daemon.conf"]
        command += ["-R", folder / "persist", "-p", folder / "pid", "-c", folder / "control"]
        return command + [f"--module-path={modules}"]

    def counts(self):
        control = [debian.ROOT / "usr/sbin/syslog-ng-ctl", "stats", "-c", self.folder / "control"]
        stats = subprocess.run(control, capture_output=True, text=True, env=debian.libraries()).stdout
        rows = (line.split(";") for line in stats.splitlines() if line.startswith("dst.kafka;"))
        count = {row[4]: int(row[5]) for row in rows}
        return count.get("written", 0), count.get("dropped", 0)


contract.main(shipper.produce_with(SyslogNg), shipper.consume)
