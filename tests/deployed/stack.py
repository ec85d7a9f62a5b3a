"""template.yaml as a stack: packed with the bootstraps that are there, deployed by SAM, looked at by boto3."""

import json
import os
import platform
import shutil
import subprocess
import urllib.request

import boto3
import yaml

NAME = "harmonia-trains"
SECRETS = {"card_key": "0123456789abcdef0123456789abcdef", "directory_key": "none", "aes_key": "none"}
# functions that the scenario does not use are in the stack, and say so when they are called after all
PLACEHOLDER = "#!/bin/sh\necho 'a placeholder was called' >&2\nexit 1\n"


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as what they stand before: only plain texts are looked at here."""


def plain(loader, _, node):
    readers = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    return readers.get(type(node), loader.construct_mapping)(node)


Loader.add_multi_constructor("!", plain)


class Stack:
    def __init__(self, top, folder, endpoint):
        self.top, self.folder, self.endpoint = top, folder, endpoint
        self.environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint}

    def client(self, service):
        return boto3.client(service, endpoint_url=self.endpoint)

    def pack(self, bootstraps):
        template = self.top / "template.yaml"
        self.folder.mkdir()
        self.real = []
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
                shutil.copytree(self.top / "tests" / "deployed" / "definitions", package / "definitions")
                self.task_root = package
                self.real.append(package.name.removeprefix("harmonia-"))
            (package / "bootstrap").chmod(0o755)

    def deploy(self, sam, merchant_urls):
        self.client("s3").create_bucket(Bucket=f"{NAME}-artifacts")
        urls = json.dumps(merchant_urls, separators=(",", ":")).replace('"', '\\"')
        machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
        subprocess.run(
            [sam, "deploy", "--template-file", "template.yaml", "--stack-name", NAME, "--capabilities",
             "CAPABILITY_IAM", "--s3-bucket", f"{NAME}-artifacts", "--no-confirm-changeset", "--no-progressbar",
             "--parameter-overrides", "Environment=trains", f"Architecture={machine}",
             "DirectoryUrl=http://127.0.0.1:1", f'MerchantUrls="{urls}"'],
            cwd=self.folder, env=self.environment, check=True, stdout=(self.folder / "sam.log").open("w"),
            stderr=subprocess.STDOUT)
        described = self.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        # the stack makes the secret empty; a person fills it
        self.client("secretsmanager").put_secret_value(SecretId="harmonia-trains", SecretString=json.dumps(SECRETS))
        self.configurations = {name: self.configuration(name) for name in self.real}
        # a person may use everything that one of the functions may
        self.variables = {}
        for configuration in self.configurations.values():
            self.variables.update(configuration["Environment"]["Variables"])
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

    def quiet(self):
        """The scenarios alone: schedules would take up what is due as well, and the placeholders have nothing to say."""
        functions = self.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            if mapping["FunctionArn"] not in [self.arn(function) for function in self.real]:
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        scheduler = self.client("scheduler")
        for name in ("harmonia-trains-tick", "harmonia-trains-sweep"):
            schedule = scheduler.get_schedule(Name=name)
            kept = {key: schedule[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
            scheduler.update_schedule(**kept, State="DISABLED")
            assert scheduler.get_schedule(Name=name)["State"] == "DISABLED"

    def by_hand(self, program, *arguments):
        """What a person does, with the functions' own environment."""
        environment = {**self.environment, **self.variables, "LAMBDA_TASK_ROOT": str(self.task_root), "RUST_LOG": "warn"}
        done = subprocess.run([program, *map(str, arguments)], env=environment, check=True, stdout=subprocess.PIPE,
                              text=True)
        return json.loads(done.stdout)
