"""See what invocation logging takes in an empty account, and print it as Terraform.

python examples/plan_logging.py   # sends nothing, needs no credentials
"""

from bedrock_gateway import GatewayConfig
from bedrock_gateway.setup import logging
from bedrock_gateway.setup.export import export, left_out

CONFIG = """
format = 1
application = "helpdesk"

[env.prod]
account = "111122223333"
region = "us-east-2"

[principals.operator]
capabilities = ["logging-admin", "preflight-standard"]

[logging]
log_group = "/bedrock/invocations"
bucket = "example-bedrock-logs-111122223333-us-east-2"
"""
plan = logging.desired(GatewayConfig.from_toml(CONFIG))
for change in plan.changes:
    print(change.action, change.resource.kind, change.resource.name)
print(*plan.notes, *left_out(plan.resources, "terraform"), sep="\n")
print(export(plan.resources, "terraform"))
