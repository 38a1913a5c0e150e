"""Imports for tests, with what they are usually given."""

from pathlib import Path

from signatures.importing.result import Imported
from signatures.importing.rules import RuleOptions, import_rules
from signatures.model import Signature

RULES = Path(__file__).parent / "every_option.rules"


def imported(text: str, options: RuleOptions | None = None) -> Imported:
    """What comes of rules."""
    return import_rules(text, "test.rules", options or RuleOptions())


def one(options: str, header: str = "alert http any any -> any any") -> Signature:
    """The signature of a rule with these options."""
    result = imported(f'{header} (msg:"x"; {options} sid:2000001;)')
    assert not result.refusals, result.refusals
    (signature,) = result.signatures
    return signature


def refused(options: str, header: str = "alert http any any -> any any") -> str:
    """Why a rule with these options is refused: the option."""
    result = imported(f'{header} (msg:"x"; {options} sid:2000001;)')
    assert not result.signatures
    (refusal,) = result.refusals
    return refusal.option
