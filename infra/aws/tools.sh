# Sourced by what works with a stack on this machine: the tools, pinned, below $HARMONIA_TOOLS, and an environment in
# which credentials and profiles of whoever runs it do not matter. Sets $sam, $aws (environments of Python) and, if
# asked by `tools lambda`, $lambda: cargo-lambda with its linker, which it puts first on the path.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_REGION AWS_ENDPOINT_URL
export AWS_DEFAULT_REGION=us-east-1 AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true SAM_CLI_TELEMETRY=0
export PYTHONDONTWRITEBYTECODE=1

# tools PROFILE
tools() {
    sam="$(.ci/python-tools sam aws-sam-cli==1.170.0 cfn-lint==1.58.0)"
    aws="$(.ci/python-tools ministack ministack==1.5.33 aws-sam-translator==1.115.0 cryptography==50.0.2 \
        boto3==1.43.106 botocore==1.43.106)"
    if [[ "$1" == lambda ]]; then
        # it finds zig as `python3 -m ziglang`
        lambda="$(.ci/python-tools cargo-lambda cargo-lambda==1.9.2 ziglang==0.17.1)"
        PATH="$lambda/bin:$PATH"
    fi
}
