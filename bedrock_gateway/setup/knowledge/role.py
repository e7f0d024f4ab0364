"""The service role of a knowledge base: made with its policy, or looked for where an operator makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bedrock_gateway.errors import AccessDeniedError, ConfigError, NotFoundError
from bedrock_gateway.setup.knowledge.blueprint import MARK
from bedrock_gateway.setup.knowledge.marked import CAPABILITY, ROLE, ensure, not_ours, remove

if TYPE_CHECKING:
    from bedrock_gateway._commands import Flow
    from bedrock_gateway.iam.roles import RoleDocuments
    from bedrock_gateway.setup.knowledge.account import Setup

__all__ = ["ROLE_POLICY", "ensure_role", "get_role", "look_at_role", "remove_role"]

ROLE_POLICY = "bedrock-gateway"
"""Name of the inline policy of the service role."""


def _role_name(setup: Setup) -> str:
    return setup.blueprint.role.rpartition("/")[2]


def get_role(setup: Setup) -> Flow[dict[str, Any] | None]:
    """Return the service role; None: there is none of that name under its path.

    A policy that is limited to our path does not permit to ask for a role that is not there: IAM knows no path of it. So
    a denial that names the role with its path is one, and any other says that there is no such role of ours. Not verified
    against AWS.
    """
    try:
        found = yield from setup.look("iam", "GetRole", CAPABILITY, RoleName=_role_name(setup))
    except AccessDeniedError as error:
        if error.resource == setup.blueprint.role_arn:
            raise
        return None
    return None if found is None else dict(found["Role"])


def look_at_role(setup: Setup) -> Flow[bool]:
    """Whether our role is there.

    Raises:
        NotOursError: a role of that name is there, and is not ours.
    """
    blueprint = setup.blueprint
    found = yield from get_role(setup)
    if found is None:
        return False
    tags = {one["Key"]: one["Value"] for one in found.get("Tags") or ()}
    if tags.get(MARK) != blueprint.mark or found["Arn"] != blueprint.role_arn:
        raise not_ours(ROLE, str(found["Arn"]), blueprint.mark)
    return True


def ensure_role(setup: Setup, documents: RoleDocuments, boundary: str) -> Flow[None]:
    """Make the service role and write its policy; or, where an operator makes it, see that it is there.

    Raises:
        ConfigError: it is not, or its boundary is not.
    """
    blueprint, name = setup.blueprint, _role_name(setup)
    path = f"/{blueprint.role.rpartition('/')[0]}/".replace("//", "/")

    def make() -> Flow[Any]:
        try:
            yield from setup.ask(
                "iam",
                "CreateRole",
                CAPABILITY,
                RoleName=name,
                Path=path,
                AssumeRolePolicyDocument=documents.trust.to_json(),
                PermissionsBoundary=boundary,
                Description=f"Amazon Bedrock reads and indexes the documents of {blueprint.mark}"[:1000],
                Tags=[{"Key": MARK, "Value": blueprint.mark}],
            )
        except NotFoundError:
            raise ConfigError(
                f"the permissions boundary {boundary} does not exist: an administrator makes it once, from "
                "`bedrock-gateway policy boundary`"
            ) from None

    def grant() -> Flow[dict[str, Any]]:
        document = documents.permissions.to_json()
        return (
            yield from setup.ask(
                "iam", "PutRolePolicy", CAPABILITY, RoleName=name, PolicyName=ROLE_POLICY, PolicyDocument=document
            )
        )

    yield from ensure(setup, ROLE, blueprint.role_arn, look_at_role, make)
    yield from setup.insist(ROLE, blueprint.role_arn, setup.patience.propagation, "PutRolePolicy", grant)


def remove_role(setup: Setup) -> Flow[str | None]:
    """Remove the role with its policy."""
    name = _role_name(setup)

    def unmake() -> Flow[str]:
        yield from setup.look("iam", "DeleteRolePolicy", CAPABILITY, RoleName=name, PolicyName=ROLE_POLICY)
        yield from setup.ask("iam", "DeleteRole", CAPABILITY, RoleName=name)
        return "deleted"

    return (yield from remove(setup, ROLE, setup.blueprint.role_arn, look_at_role, unmake))
