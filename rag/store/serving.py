"""Whether a collection gives its originals to people who only read, and what else keeps an original from them."""

from dataclasses import dataclass
from enum import StrEnum

from rag.errors import PolicyUnknown, Withholding
from rag.personal.policy import Policy, withholds_original


class Serving(StrEnum):
    """What who reads a collection gets of its documents' own bytes: all of them, or none, while passages are read."""

    SERVE = "serve"
    WITHHOLD = "withhold"


KNOWN = ", ".join(Serving)


def serving_of(value: str) -> Serving:
    """What is done under that name. Raises PolicyUnknown: what is not understood must not be taken for `serve`."""
    try:
        return Serving(value)
    except ValueError as error:
        raise PolicyUnknown(
            f"what to do with originals is {value!r}, expected one of {KNOWN}; nothing is served until it is set: "
            "run `huisclos collection policy`, or the release that wrote it"
        ) from error


@dataclass(frozen=True, slots=True)
class Policies:
    """All that a collection has decided."""

    personal_data: Policy = Policy.KEEP
    originals: Serving = Serving.SERVE

    def withheld(self, media_type: str) -> Withholding | None:
        """Why who reads gets neither the bytes of a document nor pictures of its pages; None where they do."""
        if self.originals is Serving.WITHHOLD:
            return Withholding.ORIGINALS
        return Withholding.PERSONAL_DATA if withholds_original(self.personal_data, media_type) else None
