"""One message that cannot be worked on: it ends in its dead letters, alone, and goes through once the cause is away."""

import json
import time

# so long until a message that failed is received again; five receives, then the dead letters
HIDDEN_S = 15
# five times that, on a busy machine
DEAD_WITHIN_S = 300
LOOK_S = 1
TRACE = "poison"
# a purchase that names itself and says nothing
KEY = {"pk": {"S": "P#visa#poison"}, "sk": {"S": "P"}}
LINE = {"p": {"scheme": "visa", "id": "poison", "slot": "P"}, "kind": "AUTH"}
MESSAGE = {"v": 1, "k": "lines", "t": TRACE, "items": [LINE]}


class Poison:
    """Put among the day's messages before they come."""

    def __init__(self, stack):
        self.sqs, self.tables = stack.client("sqs"), stack.client("dynamodb")
        self.book = stack.outputs["BookTableName"]
        self.prefix = f"harmonia-{stack.name}-"
        self.queue = stack.outputs["IdentifyQueueUrl"]
        self.dead = self.sqs.get_queue_url(QueueName=f"{self.prefix}identify-dlq")["QueueUrl"]
        attributes = {"VisibilityTimeout": str(HIDDEN_S)}
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes=attributes)
        stamp = {"v": {"N": "1"}, "by": {"S": TRACE}, "on": {"S": "2026-01-01T00:00:00.000000Z"}}
        self.tables.put_item(TableName=self.book, Item={**KEY, **stamp})
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps(MESSAGE))

    def counts(self):
        """Messages by queue, of dead letters."""
        counts = {}
        for url in self.sqs.list_queues(QueueNamePrefix=self.prefix)["QueueUrls"]:
            if url.endswith("-dlq"):
                asked = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
                counts[url.rsplit("/", 1)[1]] = int(asked["Attributes"]["ApproximateNumberOfMessages"])
        return counts

    def alone_and_redriven(self, playing):
        until = time.monotonic() + DEAD_WITHIN_S
        name = f"{self.prefix}identify-dlq"
        while not self.counts()[name]:
            assert time.monotonic() < until, "the poison message is not in its dead letters"
            assert playing.poll() is None, "the day ended before the poison message did"
            time.sleep(LOOK_S)
        others = {queue: count for queue, count in self.counts().items() if count and queue != name}
        assert not others and self.counts()[name] == 1, f"dead letters: {self.counts()}"
        # the cause is taken away, the message moved by hand: ministack has no StartMessageMoveTask
        self.tables.delete_item(TableName=self.book, Key=KEY)
        (dead,) = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10, WaitTimeSeconds=2)["Messages"]
        assert json.loads(dead["Body"]) == MESSAGE, dead["Body"]
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=dead["Body"])
        self.sqs.delete_message(QueueUrl=self.dead, ReceiptHandle=dead["ReceiptHandle"])
        # that it goes through is part of "at rest": no queue holds anything then, dead letters included
