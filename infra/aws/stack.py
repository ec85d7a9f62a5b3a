"""template.yaml as a stack: packed with the bootstraps that are there, deployed by SAM, looked at by boto3."""

import json
import os
import platform
import shutil
import subprocess
import urllib.request

import boto3
import variables
import yaml

TLS_ONLY = '"aws:SecureTransport": "false"'
NEVER = '"aws:SecureTransport": "never"'
# functions that are not used are in the stack, and say so when they are called after all
PLACEHOLDER = "#!/bin/sh\necho 'a placeholder was called' >&2\nexit 1\n"


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as what they stand before: only plain texts are looked at here."""


def plain(loader, _, node):
    readers = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return readers.get(type(node), loader.construct_mapping)(node)


Loader.add_multi_constructor("!", plain)


class Stack:
    """The stack of one environment. `definitions`: a folder that is packed with every function."""

    def __init__(self, top, folder, endpoint, name, definitions):
        self.top, self.folder, self.endpoint, self.name, self.definitions = top, folder, endpoint, name, definitions
        self.environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint}

    def client(self, service):
        return boto3.client(service, endpoint_url=self.endpoint)

    def pack(self, bootstraps):
        text = (self.top / "template.yaml").read_text(encoding="utf-8")
        self.folder.mkdir()
        self.real = []
        # ministack speaks plain HTTP: the refusals of whatever does not come by TLS must not meet
        (self.folder / "template.yaml").write_text(text.replace(TLS_ONLY, NEVER), encoding="utf-8")
        (self.folder / "infra").symlink_to(self.top / "infra")
        resources = yaml.load(text, Loader)["Resources"]
        for code in sorted(r["Properties"]["CodeUri"] for r in resources.values() if "CodeUri" in r["Properties"]):
            package = self.folder / code
            package.mkdir(parents=True)
            bootstrap = bootstraps.get(package.name)
            if bootstrap is None:
                (package / "bootstrap").write_text(PLACEHOLDER)
            else:
                subprocess.run(["strip", "-o", package / "bootstrap", bootstrap], check=True)
                shutil.copytree(self.definitions, package / "definitions")
                self.task_root = package
                self.real.append(package.name.removeprefix("harmonia-"))
            (package / "bootstrap").chmod(0o755)

    def deploy(self, sam, directory_url, merchant_urls, secret):
        stack, artifacts = f"harmonia-{self.name}", f"harmonia-{self.name}-artifacts"
        self.client("s3").create_bucket(Bucket=artifacts)
        urls = json.dumps(merchant_urls, separators=(",", ":")).replace('"', '\\"')
        machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
        subprocess.run(
            [sam, "deploy", "--template-file", "template.yaml", "--stack-name", stack, "--capabilities",
             "CAPABILITY_IAM", "--s3-bucket", artifacts, "--no-confirm-changeset", "--no-progressbar",
             "--parameter-overrides", f"Environment={self.name}", f"Architecture={machine}",
             f"DirectoryUrl={directory_url}", f'MerchantUrls="{urls}"'],
            cwd=self.folder, env=self.environment, check=True, stdout=(self.folder / "sam.log").open("w"),
            stderr=subprocess.STDOUT)
        self.with_batches()
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        # the stack makes the secret empty; a person fills it
        self.client("secretsmanager").put_secret_value(SecretId=stack, SecretString=json.dumps(secret))
        # S3's test message came before that, failed, and would come again in half an hour
        self.client("sqs").purge_queue(QueueUrl=self.outputs["ImportFilesQueueUrl"])
        self.configurations = {name: self.configuration(name) for name in self.real}
        # a person may use everything that one of the functions may
        self.variables = variables.of_stack(self.client, stack)
        assert json.loads(self.variables["HARMONIA_BASE_URLS"]) == merchant_urls, self.variables

    def configuration(self, function):
        name = self.outputs[f"{function.capitalize()}FunctionName"]
        return self.client("lambda").get_function_configuration(FunctionName=name)

    def arn(self, function):
        return self.configurations[function]["FunctionArn"]

    def call(self, function, event):
        """As a schedule would; what it answers."""
        answer = self.client("lambda").invoke(FunctionName=self.arn(function), Payload=json.dumps(event))
        said = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return said

    def scale_waits(self, scale):
        """What state machines wait for, and between two tries: everything else takes its time."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/config", method="POST",
                                         data=json.dumps({"stepfunctions._SFN_WAIT_SCALE": scale}).encode())
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["applied"] == {"stepfunctions._SFN_WAIT_SCALE": scale}

    def with_batches(self):
        """On AWS a role that may send a message may send ten at once. ministack asks for an action that is none."""
        roles = self.client("iam")
        for role in roles.list_roles()["Roles"]:
            for name in roles.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                policy = roles.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
                if isinstance(policy, str):
                    policy = json.loads(policy)
                for statement in policy["Statement"]:
                    actions = statement["Action"]
                    actions = [actions] if isinstance(actions, str) else actions
                    if "sqs:SendMessage" in actions:
                        statement["Action"] = [*actions, "sqs:SendMessageBatch"]
                roles.put_role_policy(RoleName=role["RoleName"], PolicyName=name, PolicyDocument=json.dumps(policy))

    def everything(self):
        """The environment of a program that works on the stack; also with the package's folder, where a function
        finds its definitions."""
        package = {"LAMBDA_TASK_ROOT": str(self.task_root), "RUST_LOG": "warn,dynoxide=off"}
        return {**self.environment, **package, **self.variables}

    def quiet(self):
        """The scenarios alone: schedules would take up what is due as well, and the placeholders have nothing to say."""
        functions = self.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            if mapping["FunctionArn"] not in [self.arn(function) for function in self.real]:
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        scheduler = self.client("scheduler")
        for name in (f"harmonia-{self.name}-tick", f"harmonia-{self.name}-sweep"):
            schedule = scheduler.get_schedule(Name=name)
            kept = {key: schedule[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
            scheduler.update_schedule(**kept, State="DISABLED")
            assert scheduler.get_schedule(Name=name)["State"] == "DISABLED"

    def by_hand(self, program, *arguments):
        """What a person does, with the functions' own environment."""
        environment = self.everything()
        done = subprocess.run([program, *map(str, arguments)], env=environment, check=True, stdout=subprocess.PIPE,
                              text=True)
        return json.loads(done.stdout)
