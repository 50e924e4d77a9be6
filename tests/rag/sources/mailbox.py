"""A real IMAP server (Dovecot) on loopback with one mailbox, for the tests of sources."""

import imaplib
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from tests.rag.sources.servers import PASSWORD, USER, made_certificate

START_SECONDS_MAX = 20
CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
mail_location = maildir:{folder}/mail
first_valid_uid = {uid}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service imap-login {{
  {login}
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
{users}
"""
OWN_USERS = """
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
service anvil {{
  chroot =
}}
"""


class NoMailServer(Exception):
    """No server can be started here."""


@dataclass(frozen=True)
class Mail:
    """The mailbox of USER, as a mail program sees it."""

    plain: int
    tls: int
    certificate: Path

    def client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.plain)
        client.login(USER, PASSWORD)
        return client

    def append(self, message: EmailMessage, folder: str = "INBOX") -> None:
        client = self.client()
        if folder != "INBOX":
            client.create(folder)
        assert client.append(folder, "", "", message.as_bytes())[0] == "OK"
        client.logout()

    def delete(self, subject: str) -> None:
        client = self.client()
        client.select("INBOX")
        (found,) = client.search(None, "SUBJECT", f'"{subject}"')[1]
        client.store(found.decode().replace(" ", ","), "+FLAGS", "\\Deleted")
        client.expunge()
        client.logout()

    def unread(self) -> int:
        client = self.client()
        client.select("INBOX", readonly=True)
        (found,) = client.search(None, "UNSEEN")[1]
        client.logout()
        return len(found.split())


@contextmanager
def dovecot() -> Iterator[Mail]:
    """Run a server. Raises NoMailServer where there is none."""
    program = shutil.which("dovecot") or "/usr/sbin/dovecot"
    if not Path(program).exists():
        raise NoMailServer("no IMAP server on this machine; run `make dovecot`")
    folder = Path(tempfile.mkdtemp(prefix="huisclos-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    ports = _free_ports()
    certificate, key = made_certificate(folder)
    owner = pwd.getpwnam("dovecot") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
    (folder / "mail").mkdir()
    os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    own = OWN_USERS.format(name=owner.pw_name, group=os.getgid()) if os.geteuid() else ""
    (folder / "dovecot.conf").write_text(
        CONFIGURATION.format(
            folder=folder,
            certificate=certificate,
            key=key,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            password=PASSWORD,
            login="chroot =" if own else "",
            users=own,
            plain=ports[0],
            tls=ports[1],
        )
    )
    log = (folder / "started").open("wb")
    process = subprocess.Popen([program, "-F", "-c", str(folder / "dovecot.conf")], stdout=log, stderr=log)
    try:
        _wait(ports, folder, process)
        yield Mail(*ports, certificate)
    finally:
        process.terminate()
        process.wait(20)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(ports: tuple[int, int], folder: Path, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", ports[1]), 1) as plain:
            context = ssl.create_default_context(cafile=folder / "server.pem")
            with context.wrap_socket(plain, server_hostname="127.0.0.1"):
                return
        time.sleep(0.1)
    said = "".join(path.read_text() for path in (folder / "started", folder / "log") if path.exists())
    raise NoMailServer(f"the IMAP server did not start: {said[-500:]}")


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
