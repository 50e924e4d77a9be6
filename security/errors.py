"""What can go wrong here.

SecurityError
├── SealBroken        a sealed value, stream or row is not what the house wrote, or lies elsewhere than it was written
├── KeyMissing        the key was never made, or was destroyed on purpose
├── KeyExists         a key for this owner is already there and is never overwritten
├── KeyringLocked     the keyring does not open: wrong secret, no keyring, or a keyring edited by hand
├── AccessDenied      this principal may not do this
│   └── TooManyAttempts   sign-in failed too often; wait
├── PasswordRefused   the password cannot be accepted
├── NameRefused       the name of a user or group cannot be accepted, or is taken
├── AuditBroken       the audit log cannot be written, or is not what was written
├── OlderState        the database, or a part of it, is older than what was written down outside it
├── EgressDenied      a connection or look-up outside the listed addresses
└── InsecureState     files, folders or the machine are not as private as they must be
"""


class SecurityError(Exception):
    """The root of everything raised by this package."""


class SealBroken(SecurityError):
    """Sealed bytes do not open: changed, cut short, moved, or sealed under another key."""


class KeyMissing(SecurityError):
    """No key of that owner is in the keyring."""


class KeyExists(SecurityError):
    """A key of that owner is in the keyring already."""


class KeyringLocked(SecurityError):
    """The keyring was not opened."""


class AccessDenied(SecurityError):
    """The principal lacks the right. The message is the same whether the object exists or not."""


class TooManyAttempts(AccessDenied):
    """Sign-in is refused for a while after repeated failures. `seconds` is how long, at least 1."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many failed attempts; try again in {seconds} seconds")
        self.seconds = seconds


class PasswordRefused(SecurityError):
    """A new password does not meet the rules; the message names the rule, never the password."""


class NameRefused(SecurityError):
    """The name of a new user or group does not meet the rules, or is taken."""


class AuditBroken(SecurityError):
    """The audit log is broken or cannot be written; the act that needed the record must not happen."""


class OlderState(SecurityError):
    """The database or a part of it was put back, or the record that would tell is gone or changed."""


class EgressDenied(SecurityError):
    """Something tried to reach an address that is not listed."""

    def __init__(self, host: str, port: int | None) -> None:
        where = host if port is None else f"{host} port {port}"
        super().__init__(f"{where} is not listed in egress.allowed; nothing was sent. List it only if it is yours")
        self.host = host
        self.port = port


class InsecureState(SecurityError):
    """A file, a folder or the process is less private than required."""
