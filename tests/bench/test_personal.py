"""The figures of the detector count what was marked and what was made up."""

import json
from pathlib import Path

from bench.personal import measure, table

ROWS = (
    {"lang": "fr", "text": "au 06 12 34 56 78", "spans": [[3, 17, "PHONE"]]},
    {"lang": "fr", "text": "au 06 12 34 56 7", "spans": [[3, 16, "PHONE"]]},
    {"lang": "en", "text": "Ada, x@example.com", "spans": [[0, 3, "PERSON"]]},
    {"lang": "en", "text": "mail y@example.com", "spans": [[0, 18, "EMAIL_ADDRESS"]]},
)


def test_found_missed_made_up_and_roughly_right_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "pii.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    report = measure(path)
    phone, mail = report.rows["phone"], report.rows["email"]
    assert (phone["support"], phone["found"], phone["exact"], phone["precision"], phone["recall"]) == (2, 1, 1, 1, 0.5)
    assert (mail["support"], mail["found"], mail["exact"], mail["false_positives"], mail["precision"]) == (
        1,
        1,
        0,
        1,
        0.5,
    )
    assert (report.rows["all"]["support"], report.rows["all"]["found"]) == (3, 2)
    assert table(report).startswith("4 texts\nkind")
