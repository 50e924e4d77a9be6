"""What stands between a text that gives orders and the reader of the answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defences:
    """All are on wherever somebody asks, and no setting turns one off; a bench does, to say what each is worth.

    `quarantine` holds a text that speaks to a model back at the load, `fences` quote passages between marks that they
    cannot write, `system` says in the system message that passages are data, `plain` takes links and marks out of the
    draft, `check` refuses what no passage supports.
    """

    quarantine: bool = True
    fences: bool = True
    system: bool = True
    plain: bool = True
    check: bool = True


ALL = Defences()
NONE = Defences(quarantine=False, fences=False, system=False, plain=False, check=False)
