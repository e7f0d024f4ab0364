"""Plan a knowledge base, and create it only where the plan has nothing against it.

python examples/create_knowledge_base.py            # prints the plan; sends nothing
CREATE=1 python examples/create_knowledge_base.py   # creates it, with an operator's credentials
"""

import os

from bedrock_gateway import Gateway, SetupIncompleteError

with Gateway.from_file("gateway.toml", principal="operator") as gateway:
    handbook = gateway.knowledge_base("handbook")
    plan = handbook.plan(create_role=True)
    for resource in plan.resources:
        print("make" if resource.made else "use ", resource.kind, resource.name)
    print("cannot be changed afterwards:", "; ".join(plan.immutable))
    print("the operator lacks:", ", ".join(plan.missing) or "nothing")

    if os.environ.get("CREATE") and not plan.missing:
        try:
            created = handbook.create(create_role=True)
        except SetupIncompleteError as error:
            print("stopped at", error.step, "| exists:", *error.exists, sep="\n  ")
            created = handbook.resume()
        print(created.id, [job.documents_indexed for job in created.jobs])
