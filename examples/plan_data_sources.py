"""See what a web site and a wiki as data sources come to: what is made, what the service role may do, what to know.

python examples/plan_data_sources.py   # sends nothing, needs no credentials
"""

from bedrock_gateway import GatewayConfig
from bedrock_gateway.setup import knowledge

CONFIG = r"""
format = 1
application = "helpdesk"

[env.prod]
account = "111122223333"
region = "us-east-2"

[principals.operator]
capabilities = ["kb-provision", "kb-create", "kb-ingest"]

[knowledge_base.handbook]
embedding_model = "amazon.titan-embed-text-v2:0"
store = "opensearch-serverless"

[[knowledge_base.handbook.source]]
type = "web"
urls = ["https://www.example.com/docs/"]
exclude = ['.*\.pdf$']
[[knowledge_base.handbook.source]]
type = "confluence"
host_url = "https://example.atlassian.net"
auth = "oauth2"
secret = "arn:aws:secretsmanager:us-east-2:111122223333:secret:confluence-AbCdEf"
"""
plan = knowledge.plan(GatewayConfig.from_toml(CONFIG), "handbook", create_role=True)
for resource in plan.resources:
    print("make" if resource.made else "use ", resource.kind, resource.name, resource.note)
for statement in plan.role.permissions.statements:
    print("the role may", ", ".join(statement.actions), "on", ", ".join(statement.resources))
print(*plan.immutable, *plan.warnings, sep="\n")
