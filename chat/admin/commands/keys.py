"""`huisclos keys …`: what opens the house."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from chat.admin.options import STATE, AsJson, State, examples, group
from chat.admin.outcomes import InputWrong
from chat.admin.output import Event, note, say, show_fields, show_json
from chat.admin.progress import Count
from chat.admin.secret import KEY_COMMAND, asked, at_hand, new_passphrase, secret_for
from chat.admin.session import operations, run, stopped_cleanly

if TYPE_CHECKING:
    from security.slots import Given, Secret

_Given = TypeVar("_Given")
application = group("Keys: what opens the house, and what each key seals.")


class Kind(StrEnum):
    """What may open the house."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a secret
    KEY_FILE = "key-file"
    CREDENTIAL = "credential"
    COMMAND = "command"
    SHARES = "shares"


@application.command("status", epilog=examples("huisclos keys status", "huisclos keys status --json"))
def status(state: State = STATE, as_json: AsJson = False) -> None:
    """Show the slots that open the house, how many keys of which kind there are, and what is being sealed anew.

    No secret is shown.
    """
    for found in run(state, "keys.status"):
        (show_json if as_json else show_fields)(found)


@application.command(
    "add-slot",
    epilog=examples(
        "huisclos keys add-slot passphrase",
        "huisclos keys add-slot key-file --file /media/usb/huisclos.key",
        "huisclos keys add-slot credential --file secret.txt",
        f"{KEY_COMMAND}='vault kv get -field=key secret/chat' huisclos keys add-slot command",
        "huisclos keys add-slot shares --needed 2 --count 3 --out /root/shares",
    ),
)
def add_slot(
    kind: Annotated[Kind, typer.Argument(help="What shall open the house.")],
    file: Annotated[Path | None, typer.Option(help="The key file (made if missing), or the credential's text.")] = None,
    command: Annotated[str, typer.Option(envvar=KEY_COMMAND, help="Prints the secret; run without a shell.")] = "",
    passphrase_stdin: Annotated[bool, typer.Option("--passphrase-stdin", help="From the first line of input.")] = False,
    needed: Annotated[int, typer.Option(min=2, max=16, help="How many shares must come together.")] = 2,
    count: Annotated[int, typer.Option(min=2, max=16, help="How many shares there are.")] = 3,
    out: Annotated[Path | None, typer.Option(help="An empty folder for the files of shares.")] = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Let a further secret open the house. What opened it before goes on to do so."""
    from security.slots import KeyFile, read_secret
    from security.unlocking import credential, printed_by

    match kind:
        case Kind.PASSPHRASE:
            given = read_secret(new_passphrase(passphrase_stdin))
        case Kind.KEY_FILE:
            given = read_secret(KeyFile(_made(_named(file, "--file"))))
        case Kind.CREDENTIAL:
            given = credential(_named(file, "--file"))
        case Kind.COMMAND:
            given = printed_by(_named(command, "--command"))
        case Kind.SHARES:
            given = _in_shares(needed, count, _named(out, "--out"))
    for added in run(state, "keys.add_slot", secret=_event(given)):
        show_json(added) if as_json else say(f"slot {added['id']} ({kind.value}) opens the house too")


@application.command("remove-slot", epilog=examples("huisclos keys remove-slot 1f2e3d4c5b6a7988"))
def remove_slot(
    slot: Annotated[str, typer.Argument(metavar="SLOT", help="The slot's id, from `huisclos keys status`.")],
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Stop a secret from opening the house. Who has seen the root key through it is shut out by `rotate-root`."""
    for removed in run(state, "keys.remove_slot", slot=slot):
        show_json(removed) if as_json else say(
            f"slot {slot} opens nothing any more; now run `huisclos keys rotate-root`"
        )


@application.command("rotate-root", epilog=examples("huisclos keys rotate-root", "huisclos keys rotate-root --drop"))
def rotate_root(
    drop: Annotated[bool, typer.Option("--drop", help="Let the slots go whose secret is not given.")] = False,
    file: Annotated[list[Path] | None, typer.Option(help="A further key file; may be given again.")] = None,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Draw a new root key and wrap every data key under it. Each secret that shall open the house must be at hand.

    Secrets are read where the server reads them (environment, credential, key file), passphrases and shares asked for
    on a terminal. Data keys stay: who copied the old keyring and its secret has them until they are rotated too.
    """
    from security.slots import KeyFile

    with operations(state) as operate:
        slots = next(operate("keys.status"))["slots"]
        kept: list[Secret] = [*at_hand(state), *map(KeyFile, file or ())]
        kept += _asked_for(slots, kept)
        if len(kept) < len(slots) and not drop:
            raise InputWrong(
                f"{len(slots)} slots open the house and {len(kept)} secrets are at hand; give the others, or pass "
                "--drop to let their slots go"
            )
        for rotated in operate("keys.rotate_root", kept=[_event(_read(secret)) for secret in kept]):
            _tell_rotated(rotated, as_json)


def _tell_rotated(rotated: Event, as_json: bool) -> None:
    if as_json:
        show_json(rotated)
        return
    say(f"the root key is new; {rotated['kept']} slots open the house")
    note(f"slots that went: {', '.join(rotated['removed']) or 'none'}. Back the keyring up again")


@application.command("rotate", epilog=examples("huisclos keys rotate contracts"))
def rotate(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection to seal anew.")],
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Seal a collection anew under a new version of its key, while people read and load.

    Stopped or killed, `huisclos serve` goes on with it by itself, or the same command does.
    """
    with stopped_cleanly("run the same command to go on"), Count("sealing anew", None, is_shown=not as_json) as count:
        for event in run(state, "keys.rotate", name=name):
            if as_json:
                show_json(event)
            elif "done" in event:
                count.update(event["done"], event["total"])
            else:
                count.say(f"{name} is sealed under version {event['version']} of its key; no older one opens it")


@application.command(
    "shred", epilog=examples("huisclos keys shred contracts --out receipt.json", "huisclos keys shred --person camille")
)
def shred(
    name: Annotated[str, typer.Argument(metavar="COLLECTION", help="The collection to destroy.")] = "",
    person: Annotated[str, typer.Option(metavar="USER", help="The person whose key and conversations go.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write the receipt here, besides the state folder.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Destroy the key of a collection or of a person with all that it sealed, and give a signed receipt.

    Nothing brings it back but a copy of the keyring that was taken before: the receipt names those that are known.
    """
    if bool(name) == bool(person):
        raise InputWrong("name one collection, or one person with --person")
    if not yes:
        typer.confirm(f"Destroy the key of {person or name} and all that it sealed, for good?", abort=True, err=True)
    operation = "keys.shred_person" if person else "keys.shred_collection"
    for event in run(state, operation, name=person or name):
        if out:
            out.write_text(json.dumps(event["receipt"], indent=1) + "\n")
        if as_json:
            show_json(event)
            continue
        say(f"the key of {person or name} is destroyed; what it sealed opens no more")
        for held in event["receipt"]["held_by"]:
            note(f"keyring backup {held['backup']} of {held['at']} holds the key, if made since, until destroyed too")
        if backups := event["receipt"]["data_backups"]:
            note(
                f"backups of the data that hold what it sealed: {len(backups)}, of {backups[0]['at']} to "
                f"{backups[-1]['at']}, named in the receipt; they open it beside such a copy of the keyring alone"
            )
        if "remains" in event:
            note(event["remains"])


@application.command("verify-receipt", epilog=examples("huisclos keys verify-receipt receipt.json"))
def verify_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt, as `shred` gave it.")],
    public_key: Annotated[str, typer.Option(help="The house's receipts_key, where the house is not at hand.")] = "",
    state: State = STATE,
) -> None:
    """Check that this house signed a receipt and nobody changed it."""
    from security.receipts import verify_receipt as verify

    key = public_key or next(run(state, "keys.status"))["receipts_key"]
    try:
        receipt, expected = json.loads(file.read_text()), bytes.fromhex(key)
    except (OSError, ValueError) as error:
        raise InputWrong(f"{file} is not a receipt, or the key not 64 hexadecimal digits ({error})") from error
    verify(receipt, expected)
    say(f"{receipt['destroyed']}: destroyed on {receipt['at']}, signed by this house")


@application.command("backup", epilog=examples("huisclos keys backup /media/usb/keyring-2026-11.json"))
def backup(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes; apart from the data.")],
    state: State = STATE,
    as_json: AsJson = False,
) -> None:
    """Copy the keyring, wrapped as it is. Keep it apart from the data and for a shorter time; it is written down."""
    from security.files import write_private

    if out.exists():
        raise InputWrong(f"{out} is there already; name a new file")
    for event in run(state, "keys.backup"):
        write_private(out, event.pop("keyring").encode())
        show_json(event) if as_json else say(f"keyring backup {event['id']} lies in {out}")


@application.command("restore", epilog=examples("huisclos keys restore /media/usb/keyring-2026-11.json"))
def restore(
    file: Annotated[Path, typer.Argument(help="The copy, from `huisclos keys backup`.")],
    replace: Annotated[bool, typer.Option("--replace", help="In place of a keyring that is there.")] = False,
    state: State = STATE,
) -> None:
    """Put a copy of the keyring back, after the secret was seen to open it. Destroyed keys in it are there again."""
    from chat.opening import restore_keyring
    from security.keystore import keyring_path

    if keyring_path(state).exists() and not replace:
        raise InputWrong(f"{state} has a keyring; pass --replace to put the copy in its place")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputWrong(f"{file} cannot be read ({error.strerror}); name the copy") from error
    restore_keyring(state, file, secret_for(state, content))
    say(f"the keyring is the one of {file}")


def _asked_for(slots: list[Event], kept: "list[Secret]") -> "list[Secret]":
    """The passphrases and shares that are not at hand, one for each slot of such a kind."""
    import sys

    from security.slots import SlotKind

    if not sys.stdin.isatty():
        return []
    had = [_read(secret).kind for secret in kept]
    asked_for = []
    for kind in (SlotKind.PASSPHRASE, SlotKind.SHARES):
        missing = sum(slot["kind"] == kind.value for slot in slots) - had.count(kind)
        asked_for += [asked(frozenset({kind})) for _ in range(missing)]
    return asked_for


def _in_shares(needed: int, count: int, folder: Path) -> "Given":
    """A new secret, its shares in files of their own, and nowhere else."""
    import secrets

    from security.files import write_private
    from security.shares import split_secret
    from security.slots import Given, SlotKind

    if needed > count:
        raise InputWrong(f"{needed} shares cannot be needed where there are {count}")
    if folder.exists() and any(folder.iterdir()):
        raise InputWrong(f"{folder} is not empty; name a new folder for the shares")
    secret = secrets.token_bytes(32)
    for number, share in enumerate(split_secret(secret, needed, count), 1):
        write_private(folder / f"share-{number}.txt", f"{share}\n".encode())
    note(f"{count} shares lie in {folder}: give each to another person and remove the folder")
    return Given(SlotKind.SHARES, secret, needed=needed, count=count)


def _made(path: Path) -> Path:
    """A key file, made with random bytes where it is missing."""
    import secrets

    from security.files import write_private

    if not path.exists():
        write_private(path, secrets.token_bytes(32))
    return path


def _named(value: _Given | None, option: str) -> _Given:
    if not value:
        raise InputWrong(f"this kind of slot needs {option}; see `huisclos keys add-slot --help`")
    return value


def _read(secret: "Secret") -> "Given":
    from security.slots import read_secret

    return read_secret(secret)


def _event(given: "Given") -> Event:
    return {
        "kind": given.kind.value,
        "content": given.content.hex(),
        "needed": given.needed,
        "count": given.count,
    }
