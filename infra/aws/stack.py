"""template.yaml as a stack: packed with the bootstraps that are there, deployed by SAM, looked at by boto3."""

import json
import os
import platform
import shutil
import subprocess

import boto3
import variables
import yaml

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
        template = self.top / "template.yaml"
        self.folder.mkdir()
        shutil.copy(template, self.folder)
        (self.folder / "infra").symlink_to(self.top / "infra")
        resources = yaml.load(template.read_text(encoding="utf-8"), Loader)["Resources"]
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
        self.without_tls()
        self.with_batches()
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.function = self.outputs["ExportFunctionName"]
        self.machine = self.outputs["DeliverMachineArn"]
        # the stack makes the secret empty; a person fills it
        self.client("secretsmanager").put_secret_value(SecretId=stack, SecretString=json.dumps(secret))
        # S3's test message came before that, failed, and would come again in half an hour
        self.client("sqs").purge_queue(QueueUrl=self.outputs["ImportFilesQueueUrl"])
        self.variables = self.variables_of(self.function)
        assert json.loads(self.variables["HARMONIA_BASE_URLS"]) == merchant_urls, self.variables

    def without_tls(self):
        """The buckets' policies refuse whatever does not come by TLS, which ministack takes at its word; it has none."""
        objects = self.client("s3")
        for bucket in objects.list_buckets()["Buckets"]:
            objects.delete_bucket_policy(Bucket=bucket["Name"])

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

    def variables_of(self, function):
        return self.client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]

    def everything(self):
        """The environment of a program that works on the stack; also with the package's folder, where a function
        finds its definitions."""
        found = variables.of_stack(self.client, f"harmonia-{self.name}")
        return {**self.environment, "RUST_LOG": "warn,dynoxide=off", **found, "LAMBDA_TASK_ROOT": str(self.task_root)}

    def quiet(self):
        """Trains alone: the tick would take up what is due as well, and the placeholders have nothing to say."""
        functions = self.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            if not mapping["FunctionArn"].endswith(f":{self.function}"):
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        scheduler = self.client("scheduler")
        tick = scheduler.get_schedule(Name=f"harmonia-{self.name}-tick")
        kept = {key: tick[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
        scheduler.update_schedule(**kept, State="DISABLED")
        assert scheduler.get_schedule(Name=f"harmonia-{self.name}-tick")["State"] == "DISABLED"

    def by_hand(self, program, *arguments):
        """What a person does, with the function's own environment."""
        package = {"LAMBDA_TASK_ROOT": str(self.task_root), "RUST_LOG": "warn"}
        environment = {**self.environment, **self.variables, **package}
        done = subprocess.run([program, *map(str, arguments)], env=environment, check=True, stdout=subprocess.PIPE,
                              text=True)
        return json.loads(done.stdout)
