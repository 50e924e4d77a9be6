"""`huisclos keys …`: what opens the house."""

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.output import show_fields, show_json
from chat.admin.session import run

application = group("Keys: what opens the house, and what each key seals.")


@application.command("status", epilog=examples("huisclos keys status", "huisclos keys status --json"))
def status(state: State = STATE, as_json: AsJson = False) -> None:
    """Show the slots that open the house, and how many keys of which kind there are. No secret is shown."""
    for found in run(state, "keys.status"):
        (show_json if as_json else show_fields)(found)
