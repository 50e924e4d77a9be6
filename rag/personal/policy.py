"""What a collection does with personal identifiers."""

from collections.abc import Sequence
from enum import StrEnum

from rag.errors import PersonalDataHeld, PolicyUnknown
from rag.parsing.filetypes import MediaType
from rag.personal.kinds import Identifiers, Kind


class Policy(StrEnum):
    """What becomes of identifiers: they stay, they are masked for whoever reads, or the document does not come in."""

    KEEP = "keep"
    MASK = "mask"
    REFUSE = "refuse"


HOLDERS = frozenset({MediaType.ZIP, MediaType.EML, MediaType.MSG})
"""What holds files, of which one may have been refused by itself."""
KNOWN = ", ".join(Policy)
_WORDS = {
    Kind.IBAN: ("IBAN", "IBANs"),
    Kind.NIR: ("NIR", "NIRs"),
    Kind.VAT: ("VAT number", "VAT numbers"),
    Kind.SIRET: ("SIRET", "SIRETs"),
    Kind.CARD: ("card number", "card numbers"),
    Kind.PHONE: ("phone number", "phone numbers"),
    Kind.SIREN: ("SIREN", "SIRENs"),
    Kind.EMAIL: ("e-mail address", "e-mail addresses"),
}


def policy_of(value: str) -> Policy:
    """The policy of that name. Raises PolicyUnknown: what is not understood must not be taken for `keep`."""
    try:
        return Policy(value)
    except ValueError as error:
        raise PolicyUnknown(
            f"what to do with personal data is {value!r}, expected one of {KNOWN}; nothing is served until it is set: "
            "run `huisclos collection policy`, or the release that wrote it"
        ) from error


def check_admitted(policy: Policy, held: Identifiers) -> None:
    """Raise PersonalDataHeld for a document that the policy refuses; its sentence names kinds and numbers alone."""
    if policy is Policy.REFUSE and held.counts:
        raise PersonalDataHeld(
            f"the document holds {told(held.counts)}, and this collection refuses personal data: take them out and "
            "load again, or let the collection keep or mask them with `huisclos collection policy`"
        )


def withholds_original(policy: Policy, media_type: str) -> bool:
    """Whether the bytes of a document, and pictures of its pages, could show what its passages do not."""
    return policy is Policy.MASK or (policy is Policy.REFUSE and media_type in HOLDERS)


def told(counts: Sequence[tuple[Kind, int]]) -> str:
    """Kinds and numbers in words: `2 IBANs, 1 phone number`."""
    return ", ".join(f"{number} {_WORDS[kind][number > 1]}" for kind, number in counts)
