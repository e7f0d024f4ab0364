"""What the local Bedrock costs: start, memory, an enforced call over HTTP and in process, a stream, 32 threads.

usage: python benchmarks/local_bedrock.py [--calls N]

It prints figures and asserts none: they depend on the machine. The caller is a user with one policy, not root, so that
every figure includes the signature check and the evaluation of IAM.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from bedrock_gateway.local import ROOT_ACCESS_KEY, ROOT_SECRET_KEY, LocalBedrock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION, MODEL = "us-east-1", "anthropic.claude-3-haiku-20240307-v1:0"
MESSAGES = [{"role": "user", "content": "Hello"}]
BODY = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": MESSAGES})
RIGHTS = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
            "Resource": f"arn:aws:bedrock:*::foundation-model/{MODEL}",
        }
    ],
}
ROOT = {"AccessKeyId": ROOT_ACCESS_KEY, "SecretAccessKey": ROOT_SECRET_KEY}


def client(service: str, endpoint: str, key: dict[str, str], *, session: Any = None) -> Any:
    return (session or boto3).client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(max_pool_connections=40, retries={"total_max_attempts": 1}),
    )


def user(iam: Any) -> dict[str, str]:
    """Make a user with RIGHTS and return its key."""
    iam.create_user(UserName="bench")
    iam.put_user_policy(UserName="bench", PolicyName="invoke", PolicyDocument=json.dumps(RIGHTS))
    key: dict[str, str] = iam.create_access_key(UserName="bench")["AccessKey"]
    return key


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB; 0 where the system has no /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0.0
    return int(status.read_text().partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def process() -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """Start the command; give it, its endpoint and the seconds until it said it was ready."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "bedrock_gateway", "local", "--port", "0"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ready = started.stdout.readline() if started.stdout else ""
    seconds = time.perf_counter() - begun
    try:
        yield started, ready.partition("endpoint=")[2].split()[0], seconds
    finally:
        started.terminate()
        started.wait()


def timed(work: Callable[[], Any], times: int) -> list[float]:
    """Milliseconds of each of so many calls."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1000)
    return spent


def show(what: str, spent: list[float]) -> None:
    print(f"{what:<46} median {median(spent):7.2f} ms   p95 {quantiles(spent, n=20)[-1]:7.2f} ms   n={len(spent)}")


def figures(where: str, runtime: Any, calls: int) -> None:
    def invoke() -> None:
        runtime.invoke_model(modelId=MODEL, body=BODY)["body"].read()

    def stream() -> None:
        list(runtime.invoke_model_with_response_stream(modelId=MODEL, body=BODY)["body"])

    timed(invoke, 20)
    show(f"InvokeModel {where}", timed(invoke, calls))
    show(f"InvokeModelWithResponseStream {where}", timed(stream, max(20, calls // 10)))
    with ThreadPoolExecutor(32) as pool:
        begun = time.perf_counter()
        list(pool.map(lambda _: invoke(), range(calls)))
        print(f"{'InvokeModel, 32 threads ' + where:<46} {calls / (time.perf_counter() - begun):7.0f} calls a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    calls = parser.parse_args().calls
    starts = []
    for _ in range(5):
        with process() as (_, _, seconds):
            starts.append(seconds * 1000)
    print(f"{'start until ready':<46} median {median(starts):7.0f} ms   worst {max(starts):9.0f} ms   n={len(starts)}")
    with process() as (served, endpoint, _):
        print(f"{'resident when ready':<46} {resident_mb(served.pid):7.0f} MB")
        iam = client("iam", endpoint, ROOT)
        print(f"{'first call (loads moto)':<46} {timed(iam.list_roles, 1)[0]:7.0f} ms")
        figures("over HTTP", client("bedrock-runtime", endpoint, user(iam)), calls)
        print(f"{'resident after that':<46} {resident_mb(served.pid):7.0f} MB")
    local = LocalBedrock(region=REGION)
    key = user(local.session().client("iam"))
    figures("in process", local.session(credentials=key).client("bedrock-runtime"), calls)


if __name__ == "__main__":
    main()
