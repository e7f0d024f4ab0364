"""Which kinds of personal data are told from their form: a pattern each, and a check sum where the kind has one.

AWS finds all 31 kinds with a model. Of the kinds that have no form of their own (`UNKNOWN`), and of the others too, a mark
in the text stands for one: ``[local NAME Jane Doe]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from bedrock_gateway.local.guardrails.findings import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["FORMS", "UNKNOWN", "spans"]

_LETTER_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_NHS_LENGTH = 10


def _always(_: str) -> bool:
    return True


def _digits(text: str) -> list[int]:
    return [int(one) for one in text if one.isdigit()]


def _luhn(text: str) -> bool:
    digits = _digits(text)[::-1]
    doubled = (sum(divmod(2 * one, 10)) for one in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97 == 1


def _routing(text: str) -> bool:
    digits = _digits(text)[-9:]
    return sum(weight * one for weight, one in zip((3, 7, 1) * 3, digits, strict=True)) % 10 == 0


def _nhs(text: str) -> bool:
    digits = _digits(text)
    total = sum(weight * one for weight, one in zip(range(_NHS_LENGTH, 1, -1), digits, strict=False))
    return (11 - total % 11) % 11 == digits[-1]


def _vehicle(text: str) -> bool:
    values = [int(one) if one.isdigit() else _LETTER_VALUES[one] for one in text.upper()]
    rest = sum(weight * one for weight, one in zip(_VIN_WEIGHTS, values, strict=True)) % 11
    return text[8].upper() == ("X" if rest == 10 else str(rest))  # noqa: PLR2004 - ten is written X


# Every pattern is linear in the text: what repeats is bounded or possessive, and begins only where a run begins.
@dataclass(frozen=True, slots=True)
class _Form:
    """A pattern; where it has a group, that is the datum, and the rest only says that it is one."""

    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _always

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        for match in self.pattern.finditer(text):
            group = 1 if self.pattern.groups else 0
            if self.holds(match[group]):
                yield match.span(group)


def _form(pattern: str, holds: Callable[[str], bool] = _always, *, any_case: bool = False) -> _Form:
    return _Form(re.compile(pattern, re.IGNORECASE if any_case else 0), holds)


def _said(names: str, value: str, holds: Callable[[str], bool] = _always) -> _Form:
    """Return the form of what has no form of its own, but is called by its name."""
    return _form(rf"\b(?:{names})\b(?: (?:number|no\.?|code))?\s*+(?:(?:is\b|[:=#])\s*+)?{value}", holds, any_case=True)


_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"

FORMS: Mapping[str, _Form] = {
    "AWS_ACCESS_KEY": _form(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "AWS_SECRET_KEY": _form(r"(?<![A-Za-z0-9/+=])(?=[A-Za-z]{0,39}[/+0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
    "CA_SOCIAL_INSURANCE_NUMBER": _form(r"\b\d{3}[- ]\d{3}[- ]\d{3}\b", _luhn),
    "CREDIT_DEBIT_CARD_CVV": _said("cvv2?|cvc2?", r"(\d{3,4})\b"),
    "CREDIT_DEBIT_CARD_EXPIRY": _said("exp|expiry|expires|expiration", r"((?:0[1-9]|1[0-2])/(?:20)?\d\d)\b"),
    "CREDIT_DEBIT_CARD_NUMBER": _form(r"\b(?:\d[ -]?){12,18}\d\b", _luhn),
    "EMAIL": _form(
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]++@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,63}\b"
    ),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _form(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    "IP_ADDRESS": _form(
        rf"(?<![\w.:])(?:(?:{_OCTET}\.){{3}}{_OCTET}|[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}})(?![\w:]|\.\d)",
        _address,
    ),
    "MAC_ADDRESS": _form(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"),
    "PASSWORD": _said("password|passphrase|pwd", r"(\S{4,})"),
    "PHONE": _form(r"(?<![\w+.-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)|\d{2,4})[ .-]\d{3,4}[ .-]?\d{3,4}(?![\w-]|\.\d)"),
    "PIN": _said("pin", r"(\d{4,6})\b"),
    "SWIFT_CODE": _said("swift|bic", r"([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)\b"),
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": _form(r"\b\d{3}[ -]\d{3}[ -]\d{4}\b", _nhs),
    "UK_NATIONAL_INSURANCE_NUMBER": _form(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:\d{2} ?){3}[A-D]\b"),
    "URL": _form(r"\bhttps?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]"),
    "USERNAME": _said("username|user name|login", r"([\w.@-]{2,})"),
    "US_BANK_ROUTING_NUMBER": _said("routing|aba", r"(\d{9})\b", _routing),
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": _form(r"\b9\d\d-(?:[5-8]\d|9[0-24-9])-\d{4}\b"),
    "US_SOCIAL_SECURITY_NUMBER": _form(r"\b(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"),
    "VEHICLE_IDENTIFICATION_NUMBER": _form(r"\b[A-HJ-NPR-Z0-9]{17}\b", _vehicle),
}
"""Kind → how it is told."""

UNKNOWN = frozenset(
    {
        "ADDRESS",
        "AGE",
        "CA_HEALTH_NUMBER",
        "DRIVER_ID",
        "LICENSE_PLATE",
        "NAME",
        "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
        "US_BANK_ACCOUNT_NUMBER",
        "US_PASSPORT_NUMBER",
    }
)
"""Kinds that nothing here can tell: only a mark stands for them."""


def spans(kind: str, text: str) -> list[tuple[int, int]]:
    """Return where *text* holds data of *kind*."""
    form = FORMS.get(kind)
    return [*(form.spans(text) if form else ()), *(match.span() for match in marked(kind, text))]
