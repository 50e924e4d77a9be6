import subprocess
import sys
from pathlib import Path

import pytest

from security.hygiene import file_system_of, findings

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
/dev/sda2 /mnt/with\\040space xfs rw 0 0
tmpfs /srv ext4 rw 0 0
tmpfs /srv tmpfs rw 0 0
"""
HARDENED = """
import os, resource, sys, tempfile
from pathlib import Path
from security.hygiene import findings, harden_process
memory = Path(sys.argv[1])
harden_process(memory)
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert tempfile.gettempdir() == os.environ["SQLITE_TMPDIR"] == str(memory / "tmp")
(memory / "new").touch()
assert (memory / "new").stat().st_mode & 0o777 == 0o600
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
print([finding.subject for finding in findings(memory, memory) if finding.subject == "core dumps" and finding.is_fine])
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mounts"
    path.write_text(MOUNTS)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


def test_swap_that_dm_crypt_encrypts_is_fine(folder: Path, mounts: Path, tmp_path: Path) -> None:
    swaps, uuid = tmp_path / "swaps", tmp_path / "block" / "dm-3" / "dm" / "uuid"
    swaps.write_text("Filename Type Size Used Priority\n/dev/dm-3 partition 1 0 -2\n")
    uuid.parent.mkdir(parents=True)
    for kind, is_fine in (("CRYPT-PLAIN-swap", True), ("LVM-swap", False)):
        uuid.write_text(f"{kind}\n")
        found = findings(folder, folder, mounts, swaps, tmp_path / "block")
        assert [finding.is_fine for finding in found if finding.subject == "swap"] == [is_fine]


def fine(subject: str, folder: Path, mounts: Path, swaps: Path = Path("/nowhere")) -> bool:
    found = findings(folder, folder, mounts, swaps)
    return all(finding.is_fine for finding in found if finding.subject == subject)


def test_a_hardened_process_is_private_in_all_it_makes(folder: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", HARDENED, str(folder)], check=True, capture_output=True, text=True)
    assert ran.stdout == "['core dumps']\n"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o601])
def test_a_private_folder_is_fine_and_a_file_for_others_is_named(folder: Path, mounts: Path, mode: int) -> None:
    assert fine("the state folder", folder, mounts)
    exposed = folder / "house.db"
    exposed.touch()
    exposed.chmod(mode)
    assert not fine("the state folder", folder, mounts)
    assert any(str(exposed) in finding.remedy for finding in findings(folder, folder, mounts))


def test_a_missing_folder_is_not_fine(tmp_path: Path, mounts: Path) -> None:
    assert not fine("the state folder", tmp_path / "missing", mounts)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/home/x", "ext4"), ("/dev/shm/huisclos", "tmpfs"), ("/mnt/with space/x", "xfs"), ("/srv/x", "tmpfs")],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(mounts: Path, path: str, kind: str) -> None:
    assert file_system_of(Path(path), mounts) == kind
    assert file_system_of(Path(path), Path("/nowhere")) == "unknown"


def test_an_index_on_a_disk_is_not_fine(folder: Path, mounts: Path) -> None:
    assert not fine("memory", folder, mounts)
    mounts.write_text("tmpfs / tmpfs rw 0 0\n")
    assert fine("memory", folder, mounts)


@pytest.mark.parametrize(("device", "is_fine"), [("/dev/sda3", False), ("/swap.img", False), ("/dev/zram0", True)])
def test_swap_on_a_disk_is_not_fine(folder: Path, mounts: Path, tmp_path: Path, device: str, is_fine: bool) -> None:
    swaps = tmp_path / "swaps"
    swaps.write_text("Filename Type Size Used Priority\n")
    assert fine("swap", folder, mounts, swaps)
    swaps.write_text(f"Filename Type Size Used Priority\n{device} partition 1 0 -2\n")
    assert fine("swap", folder, mounts, swaps) is is_fine
