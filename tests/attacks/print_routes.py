"""Prints every path that the application of a fresh house serves, mounted applications included, as one JSON list."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def paths(routes: list[Any], before: str = "") -> Iterator[str]:
    """Each path with what it is mounted under."""
    for route in routes:
        included = getattr(route, "original_router", None)
        inner = included.routes if included else getattr(route, "routes", None)
        if inner:
            yield from paths(inner, before + getattr(route, "path", ""))
        elif hasattr(route, "path"):
            yield before + route.path


def main(state: Path) -> None:
    """Make the house, build its application, print."""
    from chat.opening import initialise, open_house
    from chat.settings import load_settings
    from chat.web.application import create_application

    settings = load_settings(state)
    initialise(state, settings)
    with open_house(state, settings) as house:
        gate: Any = create_application(house)
        found = sorted(set(paths(gate._app.routes)))
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
