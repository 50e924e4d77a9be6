"""Who asks: people, their roles, and the ids everything else is bound to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

UserId = NewType("UserId", str)
GroupId = NewType("GroupId", str)
CollectionId = NewType("CollectionId", str)


class Role(StrEnum):
    """What a person is to the house. Neither role reads a collection without a grant."""

    EMPLOYEE = "employee"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Principal:
    """The person (or the local operator) on whose behalf something is done."""

    user_id: UserId
    role: Role


OPERATOR = Principal(UserId("operator"), Role.ADMINISTRATOR)
"""Whoever runs the command line beside the key file, without `--as`. Holds grants like anybody else."""
