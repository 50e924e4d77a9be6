"""What was decided says whether an original is given, and a decision that is not known is none."""

import pytest

from rag.errors import PolicyUnknown, Withholding
from rag.parsing.filetypes import MediaType
from rag.personal.policy import Policy
from rag.store.serving import Policies, Serving, serving_of


@pytest.mark.parametrize(
    ("policies", "media_type", "why"),
    [
        (Policies(), MediaType.PDF, None),
        (Policies(Policy.MASK), MediaType.TEXT, Withholding.PERSONAL_DATA),
        (Policies(Policy.REFUSE), MediaType.TEXT, None),
        (Policies(Policy.REFUSE), MediaType.ZIP, Withholding.PERSONAL_DATA),
        (Policies(originals=Serving.WITHHOLD), MediaType.TEXT, Withholding.ORIGINALS),
        (Policies(Policy.MASK, Serving.WITHHOLD), MediaType.PNG, Withholding.ORIGINALS),
    ],
)
def test_an_original_is_withheld_for_the_first_policy_that_says_so(
    policies: Policies, media_type: str, why: Withholding | None
) -> None:
    assert policies.withheld(media_type) is why


def test_a_serving_that_is_not_known_is_not_taken_for_one() -> None:
    assert serving_of("withhold") is Serving.WITHHOLD
    with pytest.raises(PolicyUnknown, match="'', expected one of serve, withhold"):
        serving_of("")
