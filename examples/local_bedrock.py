"""Any boto3 program against the local Bedrock, in process: no port, no account, IAM enforced."""

from bedrock_gateway.local import LocalBedrock

with LocalBedrock() as local:
    runtime = local.session(region="us-east-1").client("bedrock-runtime")
    reply = runtime.converse_stream(
        modelId="us.amazon.nova-lite-v1:0",
        messages=[{"role": "user", "content": [{"text": "Hello"}]}],
    )
    for event in reply["stream"]:
        print(event.get("contentBlockDelta", {}).get("delta", {}).get("text", ""), end="")
