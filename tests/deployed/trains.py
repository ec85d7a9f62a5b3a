"""Trains: what is told later, by the state machine `deliver` and the export function, at real minutes.

patient   says "not yet" twice: delivered by its second train. More exports than a group holds, so that the machine's
          Choice goes round once.
hurried   says "not yet" until its schedule is used up: failed and listed; a person sends it again: delivered by a train.
broken    an entry that points to nothing readable: the function refuses it, and the machine fails without a repeat.
An event that is none fails at once, with its name.
"""

import collections
import json
import time

from steps import Machine, instant, of_type, states, until

PATIENT, HURRIED = 30, 3
# a train leaves 60 to 120 s after what it takes along was put off; then some seconds for the work on a busy machine
TRAIN_S = 150
FIRST_S = 60
# so late in a minute the first attempts might be of two minutes, and their trains with them
LATE_S = 45


class Scenario:
    def __init__(self, stack, merchants, by_hand):
        self.stack, self.merchants, self.program = stack, merchants, by_hand
        self.ledger = stack.client("dynamodb")
        self.machine = Machine(stack, "deliver", "DeliverMachineArn", {"ExportFunctionArn": stack.arn("export")})
        self.exports = {}

    def by_hand(self, *arguments):
        return self.stack.by_hand(self.program, *arguments)

    def seed(self, merchant, count):
        self.exports[merchant] = self.by_hand("seed", merchant, count)["exports"]

    def rows(self, merchant):
        partition = self.exports[merchant][0]["pk"]
        found = self.ledger.query(
            TableName=self.stack.variables["HARMONIA_TABLE_LEDGER"], ConsistentRead=True,
            KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": partition}})["Items"]
        assert len(found) == len(self.exports[merchant])
        return found

    def settled(self, merchant, state, attempts, seconds):
        """All exports of a merchant have come to this state, after so many attempts."""
        wanted = {(state, str(attempts))}
        until(seconds, f"{merchant}: all {state} after {attempts} attempts",
              lambda: {(row["st"]["S"], row["n"]["N"]) for row in self.rows(merchant)} == wanted)

    def trains(self, merchant):
        """The executions of a merchant's trains by their minute, and that nothing of it waits without one."""
        executions = {e["name"]: e for e in self.machine.executions() if e["name"].startswith(f"deliver-{merchant}-")}
        for row in self.rows(merchant):
            if row["st"]["S"] == "waiting":
                name = f"deliver-{merchant}-{instant(row['due']['S']):%Y%m%dT%H%M}"
                assert name in executions, f"{name} is not among {sorted(executions)}"
        return executions


def an_event_that_is_none(scenario):
    """Harmonia.BadEvent is not repeated."""
    event = {"v": 1, "k": "nonsense", "minute": "2026-01-01T00:00:00Z"}
    execution = scenario.machine.start("bad-event", event)
    scenario.machine.ended(execution, FIRST_S, "FAILED", "Harmonia.BadEvent")
    history = scenario.machine.history(execution)
    assert states(history) == ["Wait", "TakeAlong"] and len(of_type(history, "TaskFailed")) == 1, history


def break_an_entry(scenario):
    """An index entry of something unreadable; its train is started by hand."""
    due = "2026-01-01T00:00:00.000000Z"
    item = {"pk": "X#broken#m", "sk": "broken", "v": 1, "wk": "E#broken#waiting#0", "ws": f"{due}#broken"}
    typed = {key: {"N": str(value)} if isinstance(value, int) else {"S": value} for key, value in item.items()}
    scenario.ledger.put_item(TableName=scenario.stack.variables["HARMONIA_TABLE_LEDGER"], Item=typed)
    event = {"v": 1, "k": "train", "merchant": "broken", "minute": "2026-01-01T00:00:00Z", "round": 0}
    return scenario.machine.start("deliver-broken-20260101T0000", event)


def refused_at_once(scenario, execution):
    """Harmonia.StageRefused is not repeated."""
    scenario.machine.ended(execution, FIRST_S, "FAILED", "Harmonia.StageRefused")
    history = scenario.machine.history(execution)
    assert len(of_type(history, "TaskFailed")) == 1, history


def left_on_time(scenario, execution):
    """A train that succeeded waited for its minute, then went from group to group. Returns how many groups."""
    told = scenario.machine.ended(execution, FIRST_S, "SUCCEEDED")
    event, history = json.loads(told["input"]), scenario.machine.history(execution)
    groups = states(history).count("TakeAlong")
    assert states(history) == ["Wait", *["TakeAlong", "More"] * groups, "Done"], states(history)
    taken = next(e for e in history if e.get("stateEnteredEventDetails", {}).get("name") == "TakeAlong")
    assert taken["timestamp"] >= instant(event["minute"]), f"{told['name']} left too early"
    answer = json.loads(told["output"])
    assert (answer["more"], answer["round"]) == (False, groups), answer
    return groups


def play(stack, merchants, by_hand, clock):
    scenario = Scenario(stack, merchants, by_hand)
    into_minute = time.time() % 60
    if into_minute > LATE_S:
        time.sleep(60 - into_minute)
    scenario.seed("patient", PATIENT)
    scenario.seed("hurried", HURRIED)
    broken = break_an_entry(scenario)
    an_event_that_is_none(scenario)
    clock.lap("an event that is none: FAILED with Harmonia.BadEvent")

    scenario.settled("hurried", "waiting", 1, FIRST_S)
    scenario.settled("patient", "waiting", 1, FIRST_S)
    assert len(scenario.trains("hurried")) >= 1 and len(scenario.trains("patient")) >= 1
    clock.lap("first attempts: not yet, and trains wait")
    refused_at_once(scenario, broken)
    clock.lap("an unreadable entry: FAILED with Harmonia.StageRefused")

    scenario.settled("hurried", "failed", 2, TRAIN_S)
    listed = scenario.by_hand("list", "hurried", "failed")
    assert {one["x"]["sk"] for one in listed["listed"]} == {x["sk"] for x in scenario.exports["hurried"]}, listed
    assert all(one["attempts"] == 2 and one["why"] for one in listed["listed"]), listed
    print(f"deployed: listed: {listed['listed'][0]['why']!r} after {listed['listed'][0]['attempts']} attempts")
    merchants.take_all("hurried")
    assert scenario.by_hand("redrive", "hurried", "failed", 60) == {"sent": HURRIED, "more": False}
    assert scenario.by_hand("list", "hurried", "failed")["listed"] == []
    assert {row["gen"]["N"] for row in scenario.rows("hurried")} == {"1"}
    scenario.trains("hurried")
    clock.lap("schedule used up: failed, listed, sent again")

    scenario.settled("hurried", "delivered", 1, TRAIN_S)
    scenario.settled("patient", "delivered", 3, 2 * TRAIN_S)
    clock.lap("delivered: after two trains, and after being sent again")
    assert merchants.times("hurried") == [3] * HURRIED, merchants.times("hurried")
    assert merchants.times("patient") == [3] * PATIENT, merchants.times("patient")

    groups = collections.Counter()
    for merchant in ("patient", "hurried"):
        for name, execution in sorted(scenario.trains(merchant).items()):
            groups[merchant] = max(groups[merchant], left_on_time(scenario, execution))
            print(f"deployed: {name}: SUCCEEDED, {states(scenario.machine.history(execution)).count('TakeAlong')} groups")
    assert groups["patient"] > 1, "the Choice did not go round"
    statuses = collections.Counter(execution["status"] for execution in scenario.machine.executions())
    assert statuses["FAILED"] == 2 and set(statuses) == {"FAILED", "SUCCEEDED"}, statuses
    clock.lap(f"executions: {dict(statuses)}")
