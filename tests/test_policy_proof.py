"""The proof of every generated policy, over HTTP, against the independent judge of the local Bedrock.

*Sufficient*: each call of the capability passes. *Minimal*: take any statement, action or resource of confidence H or M
away, and a named call is denied. *Closed*: another model, knowledge base, Region, role or bucket is denied.

The calls are bare boto3, made with the temporary credentials of a role that has the policy and nothing else. A call
passes if it is not denied; that the calls also do what they should is the business of other tests, but most of them do
succeed here, and `test_a_call_of_each_operation_succeeds` says which.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
REGION = "us-east-1"
DENIALS = {"AccessDeniedException", "AccessDenied", "403", "UnauthorizedOperation"}
NO_RETRY = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, signature_version=None)
EMBEDDING = "amazon.titan-embed-text-v2:0"
MODELS = {
    "on-demand": ("amazon.nova-lite-v1:0", "us-east-1"),
    "us": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-2"),
    "eu": ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-central-1"),
    "apac": ("apac.amazon.nova-lite-v1:0", "ap-south-1"),
    "global": ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "us-east-1"),
}
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
LOGGING = {
    "log_group": "/bedrock/invocations",
    "logging_role": "AmazonBedrockGateway-logging",
    "bucket": "example-logs-proof",
}
HANDBOOK = {
    "bucket": "example-handbook-proof",
    "prefix": "",
    "kb_role": "bedrock-gateway/AmazonBedrockGateway-kb-handbook",
}
VECTORS = {"vector_bucket": "example-vectors-proof", "vector_index": "handbook"}


@dataclass
class Account:
    """What exists in the account, made once by root; and sessions of roles with one policy each."""

    endpoint: str
    root: boto3.Session
    ids: dict[str, str] = field(default_factory=dict)
    counter: Iterator[int] = field(default_factory=itertools.count)

    def client(self, session: boto3.Session, service: str, region: str = REGION) -> Any:
        return session.client(service, region_name=region, endpoint_url=self.endpoint, config=NO_RETRY)

    def unique(self, stem: str) -> str:
        return f"{stem}-{next(self.counter)}"

    def role(self, policy: dict[str, Any]) -> boto3.Session:
        """A session of a fresh role that has *policy* and nothing else."""
        name, iam = self.unique("proof"), self.client(self.root, "iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/prover"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(RoleName=name, PolicyName="generated", PolicyDocument=json.dumps(policy))
        given = self.client(self.prover, "sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}", RoleSessionName="proof"
        )["Credentials"]
        self.current = name
        return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION)

    def regrant(self, policy: dict[str, Any]) -> None:
        """Give the current role another policy; its sessions feel it at once."""
        self.client(self.root, "iam").put_role_policy(
            RoleName=self.current, PolicyName="generated", PolicyDocument=json.dumps(policy)
        )
