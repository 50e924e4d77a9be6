"""Hostile files that are too large, or too oddly named, to lie in a repository: made where they are needed."""

import io
import zipfile
import zlib
from email.message import EmailMessage
from pathlib import Path

GIGABYTE = 1 << 30
ODD_NAMES = (
    "-rf --help.txt",
    "facture\u202efdp.exe.txt",
    "<img src=x onerror=alert(1)>.md",
    f"long-{'n' * 235}.txt",
)


def make(folder: Path) -> None:
    """Every one of them, in a folder."""
    (folder / "bomb-docx.docx").write_bytes(_bomb("word/document.xml"))
    (folder / "bomb-plain.zip").write_bytes(_bomb("zeros.txt"))
    (folder / "many-entries.zip").write_bytes(_many_entries())
    (folder / "one-line.txt").write_text("One line that never ends. " * 40_000)
    (folder / "wide.csv").write_text(";".join(f"column {number}" for number in range(60_000)) + "\n1;2;3\n")
    (folder / "deep.html").write_text("<div>" * 60_000 + "deep")
    (folder / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    (folder / "flate-bomb.pdf").write_bytes(_flate_bomb())
    (folder / "nested.eml").write_bytes(_nested_mail())
    (folder / "many-parts.eml").write_bytes(_many_parts())
    for name in ODD_NAMES:
        (folder / name).write_text("A note under an odd name.")


def _bomb(member: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        if member.startswith("word/"):
            kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
            archive.writestr("[Content_Types].xml", f'<Types><Override ContentType="{kind}"/></Types>')
        with archive.open(member, "w", force_zip64=True) as part:
            for _ in range(GIGABYTE >> 24):
                part.write(bytes(1 << 24))
    return out.getvalue()


def _many_entries() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number}.txt", "x")
    return out.getvalue()


def _flate_bomb() -> bytes:
    packer = zlib.compressobj(9)
    content = b"".join(packer.compress(b"0 0 m " * (1 << 20)) for _ in range(64)) + packer.flush()
    head = (
        b"%PDF-1.7\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        b"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>> endobj\n"
    )
    stream = b"4 0 obj <</Length %d/Filter/FlateDecode>> stream\n" % len(content)
    return head + stream + content + b"\nendstream endobj\ntrailer <</Root 1 0 R>>\n"


def _nested_mail() -> bytes:
    head = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(2_000))
    return f"Subject: nested\nMIME-Version: 1.0\n{head}\nend".encode()


def _many_parts() -> bytes:
    message = EmailMessage()
    message["Subject"] = "many"
    message.set_content("Many attachments.")
    for number in range(3_000):
        message.add_attachment(b"x", maintype="text", subtype="plain", filename=f"{number}.txt")
    return message.as_bytes()
