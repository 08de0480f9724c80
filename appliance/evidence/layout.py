"""The parts of an export and its manifest.

checkpoint            the log's head as signed, cosignatures of witnesses below it
tile/...              C2SP tlog-tiles: hash tiles, and entry bundles of whole tiles in the range
sealed.jsonl          where texts are sealed for auditors: a box for each entry that has one
entries.*             the entries: JSONL as hashed, and the same as CSV, CEF, OCSF, syslog
log.vkey              the log's public keys; for the eye, a verifier is given its own copy
witnessed             the newest earlier head that a witness cosigned, if there is one
rotations             statements of old and new keys together, when a key was replaced
report.html README.txt verifier.py
manifest.json         what was asked for and every other file's SHA-256
manifest.tlog-proof   the log's own entry that names the manifest's SHA-256
manifest.consistency  that the proof's checkpoint extends the first one
"""

import json
from dataclasses import asdict, dataclass, field

from appliance.tlog.faults import NoteError
from appliance.tlog.note import decode64, encode64

FORMAT = "naesil-audit-export/1"
CHECKPOINT = "checkpoint"
WITNESSED = "witnessed"
ENTRIES = "entries.jsonl"
SEALED = "sealed.jsonl"
KEY = "log.vkey"
ROTATIONS = "rotations"
REPORT = "report.html"
README = "README.txt"
VERIFIER = "verifier.py"
MANIFEST = "manifest.json"
MANIFEST_PROOF = "manifest.tlog-proof"
MANIFEST_CONSISTENCY = "manifest.consistency"
SEAL_ACTION = "audit:export:seal"
SEAL_PREFIX = "manifest:sha256:"
MAX_MANIFEST_BYTES = 64 * 1024

README_TEXT = """Naesil audit export / 내실 감사 기록 내보내기

entries.jsonl holds the records exactly as they were hashed and signed; entries.csv, entries.cef
(ArcSight CEF), entries.ocsf.jsonl (OCSF 1.6) and entries.syslog (RFC 5424) say the same.
report.html is a summary for reading.

To check it you need the log's public key from a source other than this zip, and best a checkpoint
that was kept elsewhere (on paper, with a witness, from an earlier export):

    appliance audit verify EXPORT.zip --key log.vkey --since CHECKPOINT

If there is a sealed.jsonl, the texts in it open only with an auditor's secret key:

    appliance audit open EXPORT.zip --key AUDITOR.key --log-key log.vkey --reason TEXT

Without Naesil, with Python 3.11 or later and its package `cryptography`, run a verifier that you
did not take from a zip you distrust (verifier.py here is for reading and comparing):

    python verifier.py verify EXPORT.zip --key log.vkey --since CHECKPOINT

checkpoint and tile/ follow C2SP tlog-checkpoint and tlog-tiles; any tool for these can read them.

entries.jsonl은 해시되고 서명된 그대로의 기록이며, 나머지 entries.* 파일은 같은 내용의 다른 형식입니다.
report.html은 읽기 위한 요약입니다. 검증하려면 이 zip이 아닌 다른 경로로 받은 공개 키와, 가능하면
따로 보관한 체크포인트(종이, 증인, 이전 내보내기)가 필요합니다. 명령은 위와 같습니다.
sealed.jsonl이 있으면 그 안의 본문은 감사인의 비밀 키로만 열립니다.
"""


@dataclass(frozen=True, slots=True)
class FileHash:
    """How long a file is and its SHA-256 in hex."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was asked for, what is in it: entries `first` to `first + count - 1` of a tree of `size`."""

    origin: str
    made_at: str
    reason: str
    asked_from: str = ""
    asked_to: str = ""
    first: int
    count: int
    size: int
    root: bytes
    files: dict[str, FileHash] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.first + self.count

    def encode(self) -> bytes:
        values = asdict(self) | {"format": FORMAT, "root": encode64(self.root)}
        return (json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def parse_manifest(data: bytes) -> Manifest:
    """ValueError when it is not a manifest of this format."""
    try:
        values = json.loads(data)
        if values.pop("format") != FORMAT:
            raise ValueError("another format")
        values["root"] = decode64(values["root"])
        values["files"] = {name: FileHash(**entry) for name, entry in values["files"].items()}
        manifest = Manifest(**values)
        numbers = manifest.first, manifest.count, manifest.size
        if manifest.encode() != data or any(type(number) is not int for number in numbers):
            raise ValueError("another form")
        if not 0 <= manifest.first < manifest.end <= manifest.size or len(manifest.root) != 32:
            raise ValueError("numbers that do not fit together")
    except (NoteError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return manifest
