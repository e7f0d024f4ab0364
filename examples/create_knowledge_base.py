"""Plan a knowledge base, and create it only where the plan has nothing against it.

python examples/create_knowledge_base.py            # prints the plan, as any principal
CREATE=1 python examples/create_knowledge_base.py   # creates it, with an operator's credentials
"""

import os

from bedrock_gateway import Gateway, GatewayConfig, SetupIncompleteError
from bedrock_gateway.setup import knowledge

config = GatewayConfig.from_file("gateway.toml")
plan = knowledge.plan(config, "handbook", principal="operator", create_role=True)
for resource in plan.resources:
    print("make" if resource.made else "use ", resource.kind, resource.name)
print("cannot be changed afterwards:", "; ".join(plan.immutable))
print("the operator lacks:", ", ".join(plan.missing) or "nothing")

if os.environ.get("CREATE") and not plan.missing:
    with Gateway(config, principal="operator") as gateway:
        try:
            created = knowledge.create(gateway, "handbook", folder=".", create_role=True)
        except SetupIncompleteError as error:
            print("stopped at", error.step, "| exists:", *error.exists, sep="\n  ")
            created = knowledge.resume(gateway, "handbook", folder=".")
    print(created.id, [job.documents_indexed for job in created.jobs])
