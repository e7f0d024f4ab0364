"""The local "model": deterministic, marked, and honest about being none.

What it answers, in this order:

1. A turn that ends in tool results: those results, marked.
2. ``toolChoice`` any or a named tool: a call of it, with arguments valid against its schema. With ``auto``, the first
   tool of whose name a word of four letters or more stands in the last user text; with ``any``, that one or the first,
   but none twice for one question as long as another is left: agents offer their way to end as a tool.
3. A request for JSON by a schema, in its own member or in the words of the prompt: a document valid against it.
4. Documents with text: sentences copied from them that bear on the question.
5. Anything else: ``[local echo]`` and the last user text.

A token is four characters, rounded up. With ``BEDROCKGW_LOCAL_LLM`` set to the URL of an OpenAI-compatible server on
this machine, texts (5) come from there instead.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.models.sampling import sample, written_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MARK", "Answer", "Chat", "Pacing", "Tool", "Turn", "answer", "count_tokens", "pieces"]

MARK = "[local echo]"
_CHARACTERS_A_TOKEN = 4
_NAME_WORD = re.compile(r"[A-Z]?[a-z]{3,}")
_PIECE = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LLM_TIMEOUT_SECONDS = 120


@dataclass(slots=True)
class Pacing:
    """How fast streamed answers come; one an account, changed in process."""

    seconds: float = 0.005
    """Pause before each piece of a streamed answer."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the model may call."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, reduced to what the local model looks at."""

    role: str
    text: str = ""
    tool_results: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    media: int = 0
    """How many images, videos or sounds came with it; they are accepted and not looked at."""
    calls: tuple[str, ...] = ()
    """Names of the tools that an assistant's turn called."""
    extra: str = ""
    """Further text that was sent and counts as input, such as a tool call of an earlier turn."""


@dataclass(frozen=True, slots=True)
class Chat:
    """One request, whatever format it came in."""

    turns: tuple[Turn, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    """``auto``, ``any``, ``none``, or ``tool:NAME``."""
    max_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    """JSON schema that the answer must follow, or None."""

    @property
    def last_text(self) -> str:
        """The text of the last turn."""
        return self.turns[-1].text if self.turns else ""

    @property
    def question(self) -> str:
        """The text of the last turn that says something of its own: tool results only carry it on."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user" and turn.text), "")

    @property
    def called(self) -> frozenset[str]:
        """Names of the tools that were called for the last question."""
        names: set[str] = set()
        for turn in reversed(self.turns):
            if turn.role == "user" and not turn.tool_results:
                break
            names.update(turn.calls)
        return frozenset(names)

    @property
    def input_tokens(self) -> int:
        """The size of the whole request by the rule of `count_tokens`."""
        parts = [self.system, *(json.dumps(dict(tool.schema)) + tool.name + tool.description for tool in self.tools)]
        for turn in self.turns:
            parts += [turn.text, turn.extra, *turn.tool_results, *turn.documents]
        return max(1, count_tokens("".join(parts)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says: a text, or a tool call."""

    text: str
    stop_reason: str
    """``end_turn``, ``max_tokens``, ``stop_sequence`` or ``tool_use``."""
    input_tokens: int
    output_tokens: int
    tool: Tool | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    stop_sequence: str | None = None


def count_tokens(text: str) -> int:
    """Count four characters as one token, rounded up."""
    return -(-len(text) // _CHARACTERS_A_TOKEN)


def pieces(text: str) -> list[str]:
    """Cut *text* into what a stream sends one at a time: words with the space before them."""
    return _PIECE.findall(text)


def answer(chat: Chat) -> Answer:
    """Answer *chat*.

    Raises:
        Fault: a real local model is configured and did not answer.
    """
    tool = _called(chat)
    if tool is not None:
        arguments = sample(tool.schema, chat.question)
        arguments = arguments if isinstance(arguments, dict) else {}
        return Answer(
            "", "tool_use", chat.input_tokens, max(1, count_tokens(tool.name + json.dumps(arguments))), tool, arguments
        )
    return _limited(chat, _text(chat))


def _called(chat: Chat) -> Tool | None:
    if chat.choice.startswith("tool:"):
        return next((tool for tool in chat.tools if f"tool:{tool.name}" == chat.choice), None)
    if not chat.tools or chat.choice == "none":
        return None
    if chat.choice == "any":
        left = [tool for tool in chat.tools if tool.name not in chat.called] or chat.tools[-1:]
        return _meant(left, chat.question) or left[0]
    if chat.turns and chat.turns[-1].tool_results:
        return None
    return _meant(chat.tools, chat.last_text)


def _meant(tools: Sequence[Tool], asked: str) -> Tool | None:
    """Return the first of *tools* that *asked* seems to be about, by the words of its name."""
    words = asked.lower()
    return next((tool for tool in tools if any(word.lower() in words for word in _name_words(tool.name))), None)


def _name_words(name: str) -> list[str]:
    return [word for word in _NAME_WORD.findall(name) if len(word) >= _CHARACTERS_A_TOKEN]


def _text(chat: Chat) -> str:
    last = chat.turns[-1] if chat.turns else Turn("user")
    if last.tool_results:
        return f"{MARK} The tool answered: {' '.join(last.tool_results)}"
    schema = chat.schema or written_schema(f"{chat.system}\n{last.text}")
    if schema is not None:
        return json.dumps(sample(schema, chat.last_text))
    documents = [text for turn in chat.turns for text in turn.documents]
    if documents:
        from bedrock_gateway.local.knowledge import answering

        return answering.answer(chat.last_text, documents).text
    url = os.environ.get("BEDROCKGW_LOCAL_LLM")
    return _asked(url, chat) if url else f"{MARK} {last.text}".rstrip()


def _limited(chat: Chat, text: str) -> Answer:
    stop_reason, stop_sequence = "end_turn", None
    found = [(text.find(stop), stop) for stop in chat.stop_sequences if stop and stop in text]
    if found:
        position, stop_sequence = min(found)
        text, stop_reason = text[:position], "stop_sequence"
    if chat.max_tokens is not None and count_tokens(text) > chat.max_tokens:
        text, stop_reason, stop_sequence = text[: chat.max_tokens * _CHARACTERS_A_TOKEN], "max_tokens", None
    return Answer(text, stop_reason, chat.input_tokens, count_tokens(text), stop_sequence=stop_sequence)


def _failed(reason: str) -> NoReturn:
    raise Fault("ModelErrorException", f"BEDROCKGW_LOCAL_LLM: {reason}", 424, originalStatusCode=500)


def _asked(url: str, chat: Chat) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or parts.hostname not in _LOOPBACK:
        _failed("only a server on this machine is used (http://127.0.0.1:PORT/v1)")
    messages = [{"role": "system", "content": chat.system}] if chat.system else []
    messages += [{"role": turn.role, "content": turn.text} for turn in chat.turns]
    body: dict[str, Any] = {"model": os.environ.get("BEDROCKGW_LOCAL_LLM_MODEL", "default"), "messages": messages}
    if chat.max_tokens is not None:
        body["max_tokens"] = chat.max_tokens
    request = urllib.request.Request(  # noqa: S310 - scheme and host were checked above
        f"{url.rstrip('/')}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_LLM_TIMEOUT_SECONDS) as reply:
            return str(json.load(reply)["choices"][0]["message"]["content"])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        _failed(f"the server at {parts.netloc} gave no answer ({type(error).__name__})")
