"""What a capability is applied to, and the calls it is made of: values, without a word of what IAM needs for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedrock_gateway.capabilities import Scope

__all__ = ["Call", "Setting", "Story", "Unknown", "calls_of", "play"]


@dataclass(frozen=True)
class Call:
    """One call of an AWS operation, by botocore's names."""

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    served: bool = True
    """Whether the local Bedrock does it; else it answers 501 after IAM has let the call pass."""
    also: frozenset[str] = frozenset()
    """Error codes that are an honest end of this call too: what is asked for need not exist."""
    region: str | None = None
    """None: the setting's."""

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


Story = Generator[Call, Any, None]
"""Calls in an order in which they succeed; each is sent its reply."""


class Unknown:
    """A reply, or any member of it, where nobody answers."""

    def __getitem__(self, _: object) -> Unknown:
        return self

    def __str__(self) -> str:
        return "UNKNOWN123"


@dataclass(frozen=True)
class Setting:
    """One place to apply a capability to. Two settings that differ in one field are *closed* against each other."""

    region: str = "us-east-1"
    model: str = "amazon.nova-lite-v1:0"
    account: str = "123456789012"
    partition: str = "aws"
    knowledge_base: str | None = "KB12345678"
    """None: AWS has not assigned one yet."""
    data_source: str = "DS12345678"
    kb_role: str = "bedrock-gateway/AmazonBedrockGateway-kb-handbook"
    logging_role: str = "AmazonBedrockGateway-logging"
    boundary: str = "bedrock-gateway/AmazonBedrockGateway-boundary"
    log_group: str = "/bedrock/invocations"
    logging_bucket: str = "example-logs"
    document_bucket: str = "example-handbook"
    prefix: str = "handbook/"
    vector_bucket: str = "example-vectors"
    vector_index: str = "handbook"
    embedding_model: str = "amazon.titan-embed-text-v2:0"
    guardrail: tuple[str, str] | None = None

    def scope(self) -> Scope:
        """The same as the generator's input."""
        return Scope(
            region=self.region,
            account=self.account,
            partition=self.partition,
            models=(self.model,),
            knowledge_bases=(self.knowledge_base,) if self.knowledge_base else (),
            knowledge_base_roles=(self.kb_role,),
            logging_role=self.logging_role,
            boundary=self.boundary,
            log_group=self.log_group,
            logging_bucket=self.logging_bucket,
            documents=((self.document_bucket, self.prefix),),
            vector_indexes=((self.vector_bucket, self.vector_index),),
            embedding_models=(self.embedding_model,),
            guardrail=self.guardrail,
        )

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"

    def role_arn(self, name: str) -> str:
        return self.arn("iam", f"role/{name}", region="")

    @property
    def boundary_arn(self) -> str:
        return self.arn("iam", f"policy/{self.boundary}", region="")

    @property
    def index_arn(self) -> str:
        return self.arn("s3vectors", f"bucket/{self.vector_bucket}/index/{self.vector_index}")

    @property
    def embedding_arn(self) -> str:
        return self.arn("bedrock", f"foundation-model/{self.embedding_model}", account="")


def play(story: Story, perform: Callable[[Call], Any]) -> None:
    """Make the calls of *story*, one after the other, with *perform*."""
    try:
        call = next(story)
        while True:
            call = story.send(perform(call))
    except StopIteration:
        return


def calls_of(story: Story) -> list[Call]:
    """The calls of *story*, without anybody to answer them."""
    made: list[Call] = []

    def note(call: Call) -> Unknown:
        made.append(call)
        return Unknown()

    play(story, note)
    return made
