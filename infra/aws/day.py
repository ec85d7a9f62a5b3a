"""The demo's day on a stack: who is onboarded, whose partners are played, and how it is compared with the embedded run.

The day is two days past, so that what waits a day after its purchase (TGI Fridays) is due at once. Stonegate's gate,
10:30, is taken out of its definition, for the stack and the embedded run alike: a run would take until then.
"""

import dataclasses
import datetime
import json
import subprocess

GATE = '[export.first.time-of-day]\nat = "10:30"\nzone = "UTC"\n'
# a local stack holds nobody's cards
CARD_KEY = "0123456789abcdef0123456789abcdef"


@dataclasses.dataclass
class Day:
    program: str
    port: int
    seed: int
    payments: int
    sales: int

    def plan(self):
        day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=2)
        return ["--seed", str(self.seed), "--payments", str(self.payments), "--sales", str(self.sales),
                "--day", day.isoformat(), "--port", str(self.port)]

    def outside(self):
        """Where the partners are going to be, and the whole secret."""
        done = subprocess.run([self.program, "aws", "outside", *self.plan()], check=True, stdout=subprocess.PIPE)
        outside = json.loads(done.stdout)
        outside["secret"]["card_key"] = CARD_KEY
        return outside

    def play(self, stack, keep=False):
        """Starts it; the process ends with 1 if anything differs."""
        words = ["aws", "day", *self.plan(), "--environment", stack.name, "--definitions", stack.definitions]
        return subprocess.Popen([self.program, *words, *(["--keep"] if keep else [])], env=stack.everything())


def definitions(top, folder):
    """Definitions in the place of those shipped."""
    folder.mkdir(parents=True)
    text = (top / "shared" / "definitions" / "merchants" / "stonegate.toml").read_text(encoding="utf-8")
    assert text.count(GATE) == 1, "stonegate's gate is written otherwise"
    (folder / "stonegate.toml").write_text(text.replace(GATE, ""), encoding="utf-8")
    return folder
