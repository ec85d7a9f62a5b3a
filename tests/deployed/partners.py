"""Partners: the stacks of infra/partner.yaml beside the environment's own, and what their roles let them do.

ministack enforces roles' policies, not a role's trust, a key's policy or a queue's: those are for tests/src/template.
"""

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
EXTERNAL_ID = "what was agreed by telephone"
REFUSED = {"AccessDenied", "AccessDeniedException", "403"}


class Partner:
    def __init__(self, stack, may, name):
        self.stack = stack
        text = (stack.top / "infra" / "partner.yaml").read_text(encoding="utf-8")
        parameters = {"Environment": "trains", "May": may, "Name": name, "PartnerAccount": ACCOUNT,
                      "ExternalId": EXTERNAL_ID}
        stacks, called = stack.client("cloudformation"), f"harmonia-trains-{may}-{name}"
        stacks.create_stack(
            StackName=called, TemplateBody=text, Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()])
        stacks.get_waiter("stack_create_complete").wait(StackName=called, WaiterConfig={"Delay": 1})
        outputs = stacks.describe_stacks(StackName=called)["Stacks"][0]["Outputs"]
        arn = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "RoleArn")
        assert arn.endswith(f":role/harmonia-trains-{may}-{name}"), arn
        self.credentials = stack.client("sts").assume_role(
            RoleArn=arn, RoleSessionName="partner", ExternalId=EXTERNAL_ID)["Credentials"]

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.stack.endpoint, aws_access_key_id=self.credentials["AccessKeyId"],
            aws_secret_access_key=self.credentials["SecretAccessKey"],
            aws_session_token=self.credentials["SessionToken"])


def refused(words, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] in REFUSED, (words, error)
        return
    raise AssertionError(f"not refused: {words}")


def files(stack):
    imports = stack.outputs["ImportsBucketName"]
    s3 = Partner(stack, "put-files", "wasabi-club").client("s3")
    own = {"Bucket": imports, "Key": "imports/wasabi-club/day.csv"}
    s3.put_object(**own, Body=b"a day")
    assert stack.client("s3").get_object(**own)["Body"].read() == b"a day"
    refused("another feed", s3.put_object, Bucket=imports, Key="imports/wasabi/day.csv", Body=b"")
    refused("another bucket", s3.put_object, Bucket=stack.outputs["ArchiveBucketName"], Key=own["Key"], Body=b"")
    refused("reading", s3.get_object, **own)
    refused("deleting", s3.delete_object, **own)
    refused("listing", s3.list_objects_v2, Bucket=imports)


def messages(stack):
    sqs = Partner(stack, "send-messages", "visa-auth").client("sqs")
    own, other = stack.outputs["FeedVisaAuthQueueUrl"], stack.outputs["FeedVisaRefundQueueUrl"]
    sqs.send_message(QueueUrl=own, MessageBody="{}")
    refused("another feed", sqs.send_message, QueueUrl=other, MessageBody="{}")
    refused("receiving", sqs.receive_message, QueueUrl=own)


def exports(stack):
    bucket = stack.outputs["ExportsBucketName"]
    for folder in ("stonegate-unmatched", "stonegate"):
        stack.client("s3").put_object(Bucket=bucket, Key=f"{folder}/run.csv", Body=folder.encode())
    s3 = Partner(stack, "fetch-exports", "stonegate").client("s3")
    assert s3.get_object(Bucket=bucket, Key="stonegate/run.csv")["Body"].read() == b"stonegate"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="stonegate/")["Contents"]
    assert [one["Key"] for one in listed] == ["stonegate/run.csv"], listed
    refused("listing everything", s3.list_objects_v2, Bucket=bucket)
    refused("another folder", s3.get_object, Bucket=bucket, Key="stonegate-unmatched/run.csv")
    refused("writing", s3.put_object, Bucket=bucket, Key="stonegate/run.csv", Body=b"")


def play(stack, clock):
    files(stack)
    messages(stack)
    exports(stack)
    clock.lap("partners: each its own feed or folder, and nothing else")
