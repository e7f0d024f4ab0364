"""Rows: making the principals of a configuration: roles, groups with their users, managed policies, access keys.

Three capabilities, because IAM cannot cap a group: a role and a user are made under a permissions boundary, a group has
none, and adding a user to one asks for nothing about the user. Whoever could write what a group may do and choose who is
in it could give any right to anybody, and whoever could put our tag on a user and make a key of it could become one that is
under no boundary; so the first is never one principal's with another (the configuration refuses them together).

Source: Service Authorization Reference, AWS Identity and Access Management; IAM User Guide, access_policies_boundaries.
"""

from __future__ import annotations

from bedrock_gateway.capabilities.table import Capability, Condition, Leg, Operation, Resend, Resource

__all__ = ["ROWS"]

_BOUNDED = "iam:PermissionsBoundary is a key of this action: what is not under the boundary is out of reach."


def _on(
    resource: Resource,
    *names: str,
    condition: Condition | None = None,
    why: str = "",
    tag: str | None = None,
    resend: Resend = "free",
) -> tuple[Operation, ...]:
    """Return operations whose legs are the action of the same name, and the right to set our tag where they take one."""
    tags = (
        (
            Leg(
                f"iam:{tag}",
                resource,
                source="IAM User Guide: id_tags",
                condition="own-mark",
                why="Set-up changes only what carries its tag.",
            ),
        )
        if tag
        else ()
    )
    return tuple(
        Operation(name, "iam", resend, (Leg(f"iam:{name}", resource, condition=condition, why=why), *tags))
        for name in names
    )


def _read_policy(name: str) -> Operation:
    """A policy of a principal, and the boundary, which is looked at and never written."""
    boundary = Leg(
        f"iam:{name}", "principal-boundary", why="What the boundary lacks, no policy of a principal can give."
    )
    return Operation(name, "iam", "free", (Leg(f"iam:{name}", "principal-policy"), boundary))


ROWS = (
    Capability(
        "principal-provision",
        "Make and change the roles, groups, users and managed policies of the configuration's principals.",
        "administration",
        (
            *(_read_policy(name) for name in ("GetPolicy", "GetPolicyVersion")),
            *_on("principal-policy", "ListPolicyVersions"),
            *_on("principal-policy", "CreatePolicy", "CreatePolicyVersion", "DeletePolicyVersion", "DeletePolicy"),
            *_on("principal-role", "GetRole", "ListAttachedRolePolicies"),
            *_on("principal-role", "CreateRole", condition="bounded-principal", why=_BOUNDED, tag="TagRole"),
            *_on("principal-role", "TagRole", condition="own-mark"),
            *_on("principal-role", "UpdateAssumeRolePolicy", condition="bounded-principal", why=_BOUNDED),
            *_on(
                "principal-role", "AttachRolePolicy", "DetachRolePolicy", condition="bounded-own-policy", why=_BOUNDED
            ),
            *_on("principal-role", "DeleteRole", condition="bounded-principal", why=_BOUNDED),
            *_on("principal-instance", "GetInstanceProfile", "CreateInstanceProfile"),
            Operation(
                "AddRoleToInstanceProfile",
                "iam",
                "free",
                (
                    Leg("iam:AddRoleToInstanceProfile", "principal-instance"),
                    Leg(
                        "iam:PassRole",
                        "principal-instance-role",
                        source="IAM User Guide: id_roles_use_switch-role-ec2_instance-profiles",
                        condition="passed-to-ec2",
                        why="A role that is put into an instance profile is passed to EC2.",
                    ),
                ),
            ),
            *_on("principal-instance", "RemoveRoleFromInstanceProfile", "DeleteInstanceProfile"),
            *_on("principal-group", "GetGroup", "ListAttachedGroupPolicies", "CreateGroup", "DeleteGroup"),
            *_on("principal-group", "AttachGroupPolicy", "DetachGroupPolicy", condition="own-policy"),
            *_on("principal-user", "GetUser"),
            *_on("principal-user", "CreateUser", condition="bounded-principal", why=_BOUNDED, tag="TagUser"),
            *_on("principal-user", "TagUser", condition="own-mark"),
            *_on("principal-user", "DeleteUser"),
        ),
        "Whoever writes the policy and the trust of a principal can become it: within its permissions boundary, no more. A"
        " group has no boundary: who is in it is therefore another capability, `group-members`.",
    ),
    Capability(
        "group-members",
        "Put users into the groups of the configuration's principals, and take them out.",
        "administration",
        (
            *_on("principal-group", "GetGroup"),
            *_on("principal-user", "GetUser"),
            *_on("principal-group", "AddUserToGroup", "RemoveUserFromGroup"),
        ),
        "IAM asks for the group only: any user of the account can be put into it, and then has what the group has.",
    ),
    Capability(
        "access-keys",
        "Make, list and delete long-lived access keys of the configuration's users.",
        "administration",
        (
            *_on("principal-user", "GetUser", "ListAccessKeys"),
            # A key that nobody saw the secret of is one too many: it is not made twice.
            *_on("principal-user", "CreateAccessKey", condition="marked-user", resend="billed"),
            *_on("principal-user", "DeleteAccessKey", condition="marked-user"),
        ),
        "Whoever makes a key of a user is that user.",
    ),
)
