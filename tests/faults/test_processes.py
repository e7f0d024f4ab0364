"""Forks, threads, loops, and how a process ends: in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import pytest

from bedrock_gateway import ConfigError

from . import wire
from .driving import Driver
from .server import STALL, Step

OPEN = (wire.stream(*wire.FRAMES[:3], end=b""), STALL)
PRELUDE = """
import asyncio, os, signal, sys, threading
os.environ.update(AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
from bedrock_gateway import AsyncGateway, Gateway, GatewayConfig
config = GatewayConfig(
    application="faults", account="123456789012", region="us-east-1", local=True, endpoint=sys.argv[1],
    principals={"app": {"capabilities": ["converse", "converse-stream"], "models": ["us.amazon.nova-lite-v1:0"]}},
)
"""


def run(server, code: str, *, seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
    """Run *code* in a process; warnings about resources are shown, and looked for."""
    return subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", PRELUDE + textwrap.dedent(code), server.url],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


class Echo(Step):
    """Answer with what was asked."""

    def do(self, connection):
        request = connection.server.requests_of(connection)
        text = request.body.split(b'"text":"')[-1].split(b'"')[0] if b'"text":"' in request.body else b"?"
        if text == b"?":
            text = request.body.split(b'"text": "')[-1].split(b'"')[0]
        message = {"role": "assistant", "content": [{"text": text.decode()}]}
        connection.sock.sendall(
            wire.document(200, {"output": {"message": message}, "stopReason": "end_turn", "usage": wire.USAGE})
        )


def test_f31_children_of_a_fork_get_their_own_answers(server):
    server.answer([Echo()])
    done = run(
        server,
        """
        gateway = Gateway(config, observers=[])
        assert gateway.converse("parent").text == "parent"
        children = []
        for child in range(8):
            pid = os.fork()
            if pid == 0:
                wrong = sum(gateway.converse(f"{child}-{n}").text != f"{child}-{n}" for n in range(50))
                os._exit(min(wrong, 100))
            children.append(pid)
        wrong = sum(gateway.converse(f"parent-{n}").text != f"parent-{n}" for n in range(50))
        wrong += sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)
        gateway.close()
        print("wrong", wrong)
        """,
    )
    assert done.stdout.split() == ["wrong", "0"], done.stderr
    assert len(server.requests) == 1 + 9 * 50


def test_f31_an_async_gateway_refuses_to_be_used_in_a_child(server):
    pytest.importorskip("aiobotocore")
    server.answer([wire.CONVERSE])
    done = run(
        server,
        """
        async def main():
            gateway = AsyncGateway(config, observers=[])
            await gateway.converse("Hello")
            pid = os.fork()
            if pid == 0:
                try:
                    await gateway.converse("Hello")
                except Exception as error:
                    os._exit(7 if type(error).__name__ == "ConfigError" else 8)
                os._exit(9)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            await gateway.close()
        asyncio.run(main())
        """,
    )
    assert done.stdout.split() == ["7"], done.stderr
    assert len(server.requests) == 1


def test_f32_many_threads_share_one_gateway(server):
    server.answer([Echo()])
    wrong: list[str] = []

    async def body():
        async with Driver("sync").open(server.port) as opened:
            gateway = opened.gateway.inner

            def work(number):
                for at in range(10):
                    wanted = f"{number}-{at}"
                    if (got := gateway.converse(wanted).text) != wanted:
                        wrong.append(got)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
            for one in threads:
                one.start()
            for one in threads:
                one.join(60)
            assert len(opened.ended) == 640

    Driver("sync").run(body)
    assert not wrong
    assert len(server.requests) == 640


def test_f32_an_async_gateway_is_refused_in_another_loop(server):
    pytest.importorskip("aiobotocore")
    import asyncio

    from bedrock_gateway import AsyncGateway

    from .driving import config, session_of

    server.answer([wire.CONVERSE])
    gateway = AsyncGateway(config(server.port), observers=[], session=session_of("async"))
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(gateway.converse("Hello"))
        with pytest.raises(ConfigError, match="loop"):
            second.run(gateway.converse("Hello"))
        assert len(server.requests) == 1
        first.run(gateway.close())


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("end", ["end of the program", "SIGTERM", "sys.exit in a thread's call"])
def test_f50_a_process_with_an_open_stream_ends_at_once_and_quietly(server, kind, end):
    if kind == "async":
        pytest.importorskip("aiobotocore")
    server.answer(OPEN)
    ending = {
        "end of the program": "",
        "SIGTERM": "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); os.kill(os.getpid(), signal.SIGTERM)",
        "sys.exit in a thread's call": "threading.Thread(target=sys.exit, daemon=True).start(); sys.exit(0)",
    }[end]
    code = {
        "sync": f"""
        gateway = Gateway(config, observers=[lambda e: print(e.outcome, flush=True)])
        stream = gateway.converse_stream("Hello").__enter__()
        next(stream)
        {ending}
        """,
        "async": f"""
        async def main():
            gateway = AsyncGateway(config, observers=[lambda e: print(e.outcome, flush=True)])
            stream = await gateway.converse_stream("Hello").__aenter__()
            await anext(stream)
            {ending}
        asyncio.run(main())
        """,
    }[kind]
    done = run(server, code, seconds=20)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["abandoned"]
    # What is open when asyncio.run has ended is reported by aiohttp itself, as it is without us; nothing of ours is there.
    assert "bedrock_gateway" not in done.stderr, done.stderr
    assert kind == "async" or "Traceback" not in done.stderr
    assert server.closed()


def test_f50_closing_a_gateway_ends_what_is_open(server, drive):
    """A service that drains: it closes the gateway, and streams still open end, rather than hang."""

    async def body():
        server.answer(OPEN)
        async with drive.open(server.port) as opened:
            async with opened.gateway.converse_stream("Hello") as stream:
                async for _ in stream:
                    break
                await opened.gateway.close()
            assert await drive.off_the_loop(server.closed)

    drive.run(body)
