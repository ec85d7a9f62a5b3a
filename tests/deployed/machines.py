"""Large files, batch runs and re-opened lines, by their state machines and the functions import, export and tick. What
the machines wait for, and between two tries, is a hundredth of what it is; everything else is as deployed.

import-file    a file of three ranges succeeds. One of whose ranges cannot be written down is tried in four rounds, each
               with what is missing, then it is stuck, listed, and tried again by a person: a second execution.
reopen         a till is onboarded while that file is open: the stage leaves its sales to the machine, which looks again
               until the file is closed.
batch-export   the tick starts a run, which tells batch by batch; one that cannot be read fails the run, not the others,
               and so does one that cannot be carried on after some tries.
Each machine fails at once, and with its name, when its event is none or what it names cannot be used; what may be
different the next time is repeated first.
"""

import datetime
import json
import time

from steps import Machine, of_type, states, until

SCALE = 0.01
# a range of a debug build on a busy machine, with its tries
RANGE_S = 120
SALES, LINES, RANGES = 150, 40_500, 3
COLLECTED, BATCH = 10, 4
# the machine's Retry: four more
CALLS = 5


class Scenario:
    def __init__(self, stack, by_hand):
        self.stack, self.program = stack, by_hand
        self.s3, self.dynamodb, self.iam = stack.client("s3"), stack.client("dynamodb"), stack.client("iam")
        of_import = {"ImportFunctionArn": stack.arn("import")}
        work = {"WorkBucketName": stack.outputs["WorkBucketName"]}
        self.import_file = Machine(stack, "import-file", "ImportFileMachineArn", of_import | work)
        self.reopen = Machine(stack, "reopen", "ReopenMachineArn", of_import)
        of_export = {"ExportFunctionArn": stack.arn("export")}
        self.batch_export = Machine(stack, "batch-export", "BatchExportMachineArn", of_export)

    def by_hand(self, *arguments):
        return self.stack.by_hand(self.program, *arguments)

    def drop(self, name, place):
        """A file of a till, as a partner would; the sales come first."""
        now = datetime.datetime.now(datetime.timezone.utc)
        at = f"{now - datetime.timedelta(hours=2):%Y-%m-%d %H:%M:%S}"
        lines = ["id,place,scheme,amount,time,status"]
        lines += [f"{name}-{n},{place},visa,1000,{at},{'ok' if n < SALES else 'void'}" for n in range(LINES)]
        self.s3.put_object(Bucket=self.stack.outputs["ImportsBucketName"], Key=f"imports/shop/{name}",
                           Body="\n".join(lines).encode())

    def file(self, name):
        """The file's row, once it is there."""
        def look():
            now = datetime.datetime.now(datetime.timezone.utc)
            found = self.dynamodb.query(
                TableName=self.stack.variables["HARMONIA_TABLE_LEDGER"], ConsistentRead=True,
                KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": f"F#shop#{now:%Y-%m}"}})
            return next((row for row in found["Items"] if row["object"]["S"] == f"imports/shop/{name}"), None)
        return until(RANGE_S, name, look)

    def listed(self, round_object):
        body = self.s3.get_object(Bucket=self.stack.outputs["WorkBucketName"], Key=round_object)["Body"].read()
        return [item["number"] for item in json.loads(body)]

    def live_sales(self, name):
        def state(n):
            key = {"pk": {"S": f"S#shop#{name}-{n}"}, "sk": {"S": "S"}}
            table = self.stack.variables["HARMONIA_TABLE_BOOK"]
            return self.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["st"]["S"]
        return sum(state(n) == "live" for n in range(SALES))

    def forbid(self, function, objects):
        """Takes away a function's right to write some objects of the archive. Returns how it gets it back."""
        role = self.stack.configurations[function]["Role"].rsplit("/", 1)[-1]
        archive = self.stack.outputs["ArchiveBucketName"]
        statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{archive}/{objects}"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.iam.put_role_policy(RoleName=role, PolicyName="broken", PolicyDocument=json.dumps(policy))
        return lambda: self.iam.delete_role_policy(RoleName=role, PolicyName="broken")


def bad_events(scenario):
    """Harmonia.BadEvent is not repeated."""
    for machine in (scenario.import_file, scenario.batch_export, scenario.reopen):
        execution = machine.start("bad-event", {"v": 1, "k": "nonsense"})
        machine.ended(execution, RANGE_S, "FAILED", "Harmonia.BadEvent")
        history = machine.history(execution)
        assert len(states(history)) == 1 and len(of_type(history, "TaskFailed")) == 1, history


def repeated(scenario):
    """Harmonia.StageFailed is repeated as the machine says, then the execution fails with it: a file that is not there
    yet."""
    file = {"pk": "F#shop#2026-01", "sk": "2026-01-01T00:00:00.000000Z#Kc5nfn3mVtBvFdh2uEyxXQ"}
    event = {"v": 1, "k": "round", "file": file, "id": "Kc5nfn3mVtBvFdh2uEyxXQ", "generation": 1, "round": 0}
    execution = scenario.import_file.start("no-file", event)
    scenario.import_file.ended(execution, RANGE_S, "FAILED", "Harmonia.StageFailed")
    failed = of_type(scenario.import_file.history(execution), "TaskFailed")
    assert len(failed) == CALLS, f"{len(failed)} calls"


def imported(scenario, name, generation, rounds):
    """The file's execution succeeded, and the file is closed."""
    file = scenario.file(name)
    execution = scenario.import_file.named(f"import-{file['id']['S']}-g{generation}", RANGE_S)
    scenario.import_file.ended(execution, RANGE_S, "SUCCEEDED")
    entered = states(scenario.import_file.history(execution))
    around = [state for state in entered if state != "Range"]
    assert around == ["Round", "What", *["Pause", "Ranges", "Round", "What"] * rounds, "Done"], entered
    file = scenario.file(name)
    assert file["st"]["S"] == "closed" and file["forwarded"]["BOOL"], file
    totals = {key: int(value["N"]) for key, value in file["totals"]["M"].items()}
    assert (totals["read"], totals["skipped"], totals["parked"]) == (LINES, LINES - SALES, SALES), totals


def stuck(scenario, name):
    """Four rounds, then the machine fails by its name; the other ranges have been imported. Returns the file's id."""
    identity = scenario.file(name)["id"]["S"]
    execution = scenario.import_file.named(f"import-{identity}-g1", RANGE_S)
    scenario.import_file.ended(execution, 4 * RANGE_S, "FAILED", "Harmonia.FileStuck")
    entered = states(scenario.import_file.history(execution))
    assert (entered.count("Ranges"), entered[-1]) == (4, "Stuck"), entered
    rounds = [scenario.listed(f"rounds/{identity}/g1-{n}.json") for n in range(4)]
    assert rounds == [list(range(RANGES)), [1], [1], [1]], rounds
    assert scenario.file(name)["st"]["S"] == "stuck"
    listed = scenario.by_hand("files")["files"]
    assert [(file["id"], file["st"]) for file in listed] == [(identity, "stuck")], listed
    return identity


def batches(scenario):
    """The tick starts a run, once in a minute however often it is called. Returns the run's execution."""
    into_minute = time.time() % 60
    if into_minute > 50:
        time.sleep(60 - into_minute)
    minute = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M}"
    for _ in range(2):
        scenario.stack.call("tick", {"v": 1, "k": "tick"})
    return scenario.batch_export.named(f"batch-collector-{minute}", RANGE_S)


def next_batches(scenario, minute):
    until(61, "the next minute", lambda: time.time() // 60 > minute)
    return batches(scenario), time.time() // 60


def files_of_batches(scenario):
    found = scenario.s3.list_objects_v2(Bucket=scenario.stack.outputs["ExportsBucketName"], Prefix="collector/")
    return [object["Key"] for object in found.get("Contents", [])]


def break_a_batch(scenario):
    item = {"pk": "BT#collector", "sk": "broken", "v": 1, "by": "nobody", "on": "2026-01-01T00:00:00.000000Z",
            "wk": "E#collector#batch", "ws": "2026-01-01T00:00:00.000000Z#broken"}
    typed = {key: {"N": str(value)} if isinstance(value, int) else {"S": value} for key, value in item.items()}
    scenario.dynamodb.put_item(TableName=scenario.stack.variables["HARMONIA_TABLE_LEDGER"], Item=typed)


def play(stack, by_hand, clock):
    scenario = Scenario(stack, by_hand)
    stack.scale_waits(SCALE)
    scenario.drop("first.csv", "north")
    imported(scenario, "first.csv", 1, 1)
    clock.lap("import-file: a file of three ranges SUCCEEDED")

    # what the second range contained
    allow = scenario.forbid("import", "ranges/*/000001.json")
    scenario.drop("second.csv", "south")
    bad_events(scenario)
    clock.lap("import-file, batch-export, reopen: an event that is none FAILED with Harmonia.BadEvent")
    repeated(scenario)
    clock.lap("import-file: a file that is not there, repeated, then FAILED with Harmonia.StageFailed")
    identity = stuck(scenario, "second.csv")
    clock.lap("import-file: a range that cannot finish, four rounds, FAILED with Harmonia.FileStuck")

    done = scenario.by_hand("onboard", "shop", "south", "mid-south")
    assert done == {"onboarded": 1, "sales": 0, "in_open_files": SALES, "goes_on": True}, done
    [execution] = [e for e in scenario.reopen.executions() if e["name"].startswith("reopen-")]
    until(RANGE_S, "a second look", lambda: states(scenario.reopen.history(execution)).count("Reopen") > 1)
    allow()
    scenario.by_hand("retry", identity)
    imported(scenario, "second.csv", 2, 1)
    assert scenario.by_hand("files")["files"] == []
    clock.lap("import-file: tried again by a person, SUCCEEDED")
    scenario.reopen.ended(execution, RANGE_S, "SUCCEEDED")
    looks = states(scenario.reopen.history(execution))
    assert looks == ["Reopen", "More", *["Pause", "Reopen", "More"] * (looks.count("Pause")), "Done"], looks
    assert scenario.live_sales("second.csv") == SALES
    assert scenario.live_sales("first.csv") == 0
    clock.lap(f"reopen: sales of a file that was open, after {looks.count('Reopen')} looks SUCCEEDED")
    nothing = {"v": 1, "k": "reopen", "id": "x", "list": "reopen/none.json", "part": 1, "round": 0, "at": 0,
               "in_open_files": 0, "passes": 0}
    execution = scenario.reopen.start("no-list", nothing)
    scenario.reopen.ended(execution, RANGE_S, "FAILED", "Harmonia.StageRefused")
    assert len(of_type(scenario.reopen.history(execution), "TaskFailed")) == 1
    clock.lap("reopen: a list that is not there FAILED with Harmonia.StageRefused")

    scenario.by_hand("collect", "collector", 0, COLLECTED)
    execution, minute = batches(scenario), time.time() // 60
    scenario.batch_export.ended(execution, RANGE_S, "SUCCEEDED")
    runs = -(-COLLECTED // BATCH)
    entered = states(scenario.batch_export.history(execution))
    assert entered == [*["Tell", "More"] * runs, "Done"], entered
    assert len(files_of_batches(scenario)) == runs, files_of_batches(scenario)
    clock.lap(f"batch-export: {runs} batches SUCCEEDED")
    scenario.by_hand("collect", "collector", COLLECTED, 2 * COLLECTED)
    break_a_batch(scenario)
    # who is in a batch
    allow = scenario.forbid("export", "batches/collector/*-final-*")
    execution, minute = next_batches(scenario, minute)
    scenario.batch_export.ended(execution, RANGE_S, "FAILED", "Harmonia.BatchFailed")
    history = scenario.batch_export.history(execution)
    assert states(history) == ["Tell", "More", *["Tell", "PassOver"] * runs, "Tell", "More", "Failed"], states(history)
    assert len(of_type(history, "TaskFailed")) == CALLS * runs, history
    assert len(files_of_batches(scenario)) == runs, files_of_batches(scenario)
    clock.lap("batch-export: batches that cannot be carried on after some tries are passed over, FAILED")
    allow()
    execution, _ = next_batches(scenario, minute)
    scenario.batch_export.ended(execution, RANGE_S, "FAILED", "Harmonia.BatchFailed")
    entered = states(scenario.batch_export.history(execution))
    assert entered == [*["Tell", "More"] * (runs + 1), "Failed"], entered
    assert len(files_of_batches(scenario)) == 2 * runs, files_of_batches(scenario)
    clock.lap("batch-export: a batch that cannot be read FAILED with Harmonia.BatchFailed, the others are told")

    scenario.stack.call("tick", {"v": 1, "k": "sweep", "book": True})
    clock.lap("sweep: with its rights")
    stack.scale_waits(1)
