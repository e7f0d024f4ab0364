"""A text request, written as each family's own body; pure.

What a family has no member for is refused rather than dropped: a stop sequence that is not sent is not kept.

Source: Bedrock User Guide, "Inference request parameters and response fields for foundation models", a page a family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "TextRequest",
    "UnsupportedOptionError",
    "ai21",
    "anthropic",
    "chat",
    "cohere",
    "deepseek",
    "llama",
    "mistral",
    "nova",
    "titan",
]


@dataclass(frozen=True, slots=True)
class TextRequest:
    """What to ask a model of any family that is known; ``Gateway.invoke_model`` writes it as the family's own body.

    None, or empty, is the model's default.
    """

    prompt: str = field(repr=False)
    system: str | None = field(default=None, repr=False, kw_only=True)
    max_tokens: int | None = field(default=None, kw_only=True)
    """Most tokens to generate; Anthropic's models demand one."""
    temperature: float | None = field(default=None, kw_only=True)
    top_p: float | None = field(default=None, kw_only=True)
    stop_sequences: tuple[str, ...] = field(default=(), repr=False, kw_only=True)


class UnsupportedOptionError(ValueError):
    """A family has no member for an option that was given, or demands one that was not."""


def _members(request: TextRequest, names: dict[str, str]) -> dict[str, Any]:
    """Return the options that were given, by the family's names; one it has no name for is refused."""
    given: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop_sequences": list(request.stop_sequences) or None,
    }
    made = {}
    for option, value in given.items():
        if value is None:
            continue
        if option not in names:
            raise UnsupportedOptionError(f"this family has no {option}; leave it out, or use Converse")
        made[names[option]] = value
    return made


def _no_system(request: TextRequest) -> None:
    if request.system is not None:
        raise UnsupportedOptionError("this family has no system prompt; write it into the prompt, or use Converse")


_CLAUDE = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "stop_sequences": "stop_sequences",
}


def anthropic(request: TextRequest, _name: str) -> dict[str, Any]:
    """The Messages API, which takes every Claude on Bedrock."""
    if request.max_tokens is None:
        raise UnsupportedOptionError("Anthropic's models demand max_tokens")
    system = {} if request.system is None else {"system": request.system}
    messages = [{"role": "user", "content": [{"type": "text", "text": request.prompt}]}]
    return {"anthropic_version": "bedrock-2023-05-31", "messages": messages, **system, **_members(request, _CLAUDE)}


_NOVA = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop_sequences": "stopSequences"}


def nova(request: TextRequest, _name: str) -> dict[str, Any]:
    """Amazon Nova."""
    made: dict[str, Any] = {
        "schemaVersion": "messages-v1",
        "messages": [{"role": "user", "content": [{"text": request.prompt}]}],
    }
    if request.system is not None:
        made["system"] = [{"text": request.system}]
    if given := _members(request, _NOVA):
        made["inferenceConfig"] = given
    return made


_TITAN = _NOVA | {"max_tokens": "maxTokenCount"}


def titan(request: TextRequest, _name: str) -> dict[str, Any]:
    """Amazon Titan Text."""
    _no_system(request)
    given = _members(request, _TITAN)
    return {"inputText": request.prompt, **({"textGenerationConfig": given} if given else {})}


_LLAMA = {"max_tokens": "max_gen_len", "temperature": "temperature", "top_p": "top_p"}


def llama(request: TextRequest, name: str) -> dict[str, Any]:
    """Meta Llama: the prompt carries the turns, in the words of its generation."""
    if name.startswith("meta.llama2"):
        system = "" if request.system is None else f"<<SYS>>\n{request.system}\n<</SYS>>\n\n"
        prompt = f"<s>[INST] {system}{request.prompt} [/INST]"
    else:
        left, right, end = ("<|header_start|>", "<|header_end|>", "<|eot|>") if name.startswith("meta.llama4") else (
            "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
        )  # fmt: skip
        turns = [("system", request.system), ("user", request.prompt)]
        said = "".join(f"{left}{role}{right}\n\n{text}{end}" for role, text in turns if text is not None)
        prompt = f"<|begin_of_text|>{said}{left}assistant{right}\n\n"
    return {"prompt": prompt, **_members(request, _LLAMA)}


_CHAT = {"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "stop_sequences": "stop"}


def _turns(request: TextRequest) -> list[dict[str, str]]:
    system = [] if request.system is None else [{"role": "system", "content": request.system}]
    return [*system, {"role": "user", "content": request.prompt}]


def chat(request: TextRequest, name: str) -> dict[str, Any]:
    """The chat-completions form: OpenAI gpt-oss, Qwen, DeepSeek V3, AI21 Jamba and others."""
    names = _CHAT | ({"max_tokens": "max_completion_tokens"} if name.startswith("openai.") else {})
    return {"messages": _turns(request), **_members(request, names)}


# Mistral's models that take a prompt alone.
_MISTRAL_PROMPT = ("mistral.mistral-7b", "mistral.mixtral", "mistral.mistral-large-2402", "mistral.mistral-small-2402")


def mistral(request: TextRequest, name: str) -> dict[str, Any]:
    """Mistral: text completion for the older models, chat completion for the others."""
    if not name.startswith(_MISTRAL_PROMPT):
        return chat(request, name)
    system = "" if request.system is None else f"{request.system}\n\n"
    return {"prompt": f"<s>[INST] {system}{request.prompt} [/INST]", **_members(request, _CHAT)}


_COHERE = {"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "p", "stop_sequences": "stop_sequences"}


def cohere(request: TextRequest, name: str) -> dict[str, Any]:
    """Cohere Command R (chat) and Command (generate)."""
    given = _members(request, _COHERE)
    if not name.startswith("cohere.command-r"):
        _no_system(request)
        return {"prompt": request.prompt, **given}
    return {"message": request.prompt, **({} if request.system is None else {"preamble": request.system}), **given}


_J2 = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "stop_sequences": "stopSequences"}


def ai21(request: TextRequest, name: str) -> dict[str, Any]:
    """AI21 Jamba (chat) and Jurassic-2 (completion)."""
    if not name.startswith("ai21.j2"):
        return chat(request, name)
    _no_system(request)
    return {"prompt": request.prompt, **_members(request, _J2)}


def deepseek(request: TextRequest, name: str) -> dict[str, Any]:
    """DeepSeek R1 takes a prompt with its own turns; later models chat completion."""
    if not name.startswith("deepseek.r1"):
        return chat(request, name)
    prompt = f"<\uff5cbegin\u2581of\u2581sentence\uff5c>{request.system or ''}<\uff5cUser\uff5c>{request.prompt}<\uff5cAssistant\uff5c><think>\n"
    return {"prompt": prompt, **_members(request, _CHAT)}
