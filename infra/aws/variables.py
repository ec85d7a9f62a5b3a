"""What a stack is made of, as its functions' own variables say it: for programs that work on the stack as they do.

Run as a program it prints them for a shell: infra/aws/variables STACK
"""

import sys

import boto3


def of_stack(client, stack):
    """The variables of all functions of a stack, which agree. `client` makes a client of a service."""
    described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    functions = client("lambda")
    variables = {}
    for output in described["Outputs"]:
        if output["OutputKey"].endswith("FunctionName"):
            function = functions.get_function_configuration(FunctionName=output["OutputValue"])
            for name, value in function["Environment"]["Variables"].items():
                if name.startswith("HARMONIA_"):
                    agreed = variables.setdefault(name, value)
                    assert agreed == value, f"{output['OutputValue']} has another {name}"
    return variables


def for_shell(variables):
    return "".join(f"export {name}='{value}'\n" for name, value in sorted(variables.items()))


if __name__ == "__main__":
    sys.stdout.write(for_shell(of_stack(boto3.client, sys.argv[1])))
