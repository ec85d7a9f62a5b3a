"""A state machine of the stack: its executions, and what they went through."""

import datetime
import json
import time


def until(seconds, words, look):
    """Looks once a second until there is something to see."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"not within {seconds} s: {words}"
        time.sleep(1)


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def states(history):
    """The states that were entered, in order."""
    return [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]


def of_type(history, kind):
    return [event for event in history if event["type"] == kind]


class Machine:
    def __init__(self, stack, name, output, substitutions):
        self.stack, self.name, self.arn = stack, name, stack.outputs[output]
        self.steps = stack.client("stepfunctions")
        self.is_the_template_s(substitutions)

    def is_the_template_s(self, substitutions):
        """What runs is the repository's file with the stack's names."""
        text = (self.stack.top / "infra" / "statemachines" / f"{self.name}.asl.json").read_text(encoding="utf-8")
        for name, value in substitutions.items():
            text = text.replace("${" + name + "}", value)
        told = self.steps.describe_state_machine(stateMachineArn=self.arn)
        assert json.loads(told["definition"]) == json.loads(text), self.name
        assert self.arn == self.stack.variables["HARMONIA_MACHINES"] + self.name

    def executions(self):
        pages = self.steps.get_paginator("list_executions").paginate(stateMachineArn=self.arn)
        return [execution for page in pages for execution in page["executions"]]

    def history(self, execution):
        pages = self.steps.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
        return [event for page in pages for event in page["events"]]

    def start(self, name, event):
        return self.steps.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(event))

    def named(self, name, seconds):
        """The execution of this name, once it is there."""
        return until(seconds, name, lambda: next((e for e in self.executions() if e["name"] == name), None))

    def ended(self, execution, seconds, status, error=None):
        def look():
            told = self.steps.describe_execution(executionArn=execution["executionArn"])
            return told if told["status"] != "RUNNING" else None
        told = until(seconds, execution["executionArn"], look)
        assert (told["status"], told.get("error")) == (status, error), told
        return told
