"""An entry in the forms other systems read: CSV, CEF (ArcSight), OCSF 1.6, syslog (RFC 5424).

Each is one line, made from the record alone, so that a verifier makes it again and compares:
what these functions give for a record must never change within FORMAT 1 of an export.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

from appliance.evidence.record import Record, canonical, milliseconds

CSV_HEADER = (
    "index,time,action,outcome,actor_kind,actor,credential,origin,subject,object,task,reason,rules,policy,"
    "model,prompt_tokens,completion_tokens,cached_tokens,detections,request,guard,boot,id,salt,commitment"
)
CEF_SEVERITY = {"allowed": 1, "masked": 4, "failed": 5, "refused": 6, "blocked": 7}
OCSF_SEVERITY = {"allowed": 1, "masked": 2, "failed": 3, "refused": 3, "blocked": 3}
OCSF_ACCOUNT_CHANGE, OCSF_AUTHENTICATION, OCSF_API_ACTIVITY = 3001, 3002, 6003
OCSF_OTHER = 99
SYSLOG_SEVERITY = {"allowed": 6, "masked": 5, "failed": 4, "refused": 4, "blocked": 4}
FORMULAS = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # in full width too
SYSLOG_FACILITY = 13  # log audit
SYSLOG_NOTICE = 5
SENT = "checkpoint"
SIGNED = "\u2014 "  # how a signature's line begins in a signed note
SYSLOG_ID = "naesil@32473"  # the enterprise number that RFC 5612 sets aside for documentation


def csv_line(record: Record) -> str:
    """One row under CSV_HEADER. A cell that a spreadsheet would run as a formula starts with '."""
    actor, tokens = record["actor"], record.get("tokens", {})
    cells = [
        record["index"],
        *(record[name] for name in ("time", "action", "outcome")),
        *(actor.get(name, "") for name in ("kind", "id", "credential", "origin")),
        *(record.get(name, "") for name in ("subject", "object", "task", "reason")),
        " ".join(record.get("rules", ())),
        *(record.get(name, "") for name in ("policy", "model")),
        *(tokens.get(name, "") for name in ("prompt", "completion", "cached")),
        _detections(record),
        *(record.get(name, "") for name in ("request", "guard", "boot", "id", "salt", "commitment")),
    ]
    return ",".join(_csv_cell(str(cell)) for cell in cells)


def cef_line(record: Record) -> str:
    """ArcSight Common Event Format 0, version 25 of its guide."""
    actor, tokens, action = record["actor"], record.get("tokens", {}), record["action"]
    severity = CEF_SEVERITY.get(record["outcome"], 5)
    origin = actor.get("origin", "")
    extension = {
        "rt": milliseconds(record),
        "externalId": record["id"],
        "cat": action.partition(":")[0],
        "act": action,
        "outcome": record["outcome"],
        "reason": record.get("reason", ""),
        "suid": actor.get("id", ""),
        "sproc": actor["kind"],
        _address_key(origin): origin,
        "duid": record.get("subject", ""),
        "requestContext": record.get("task", ""),
        "request": record.get("request", ""),
        "filePath": record.get("object", ""),
        "cn1": record["index"],
        "cn2": tokens.get("prompt", ""),
        "cn3": tokens.get("completion", ""),
        "cs1": " ".join(record.get("rules", ())),
        "cs2": record.get("policy", ""),
        "cs3": record.get("model", ""),
        "cs4": _detections(record),
        "cs5": record.get("guard", ""),
        "cs6": record.get("commitment", ""),
    }
    parts = [f"{key}={_cef_value(str(value))}" for key, value in extension.items() if value != ""]
    labels = [f"{key}Label={name}" for key, name in _CEF_LABELS.items() if extension[key] != ""]
    head = f"CEF:0|Naesil|Naesil|{record['v']}|{_cef_head(action)}|{_cef_head(action)}|{severity}|"
    return head + " ".join(parts + labels)


def ocsf_line(record: Record) -> str:
    """Open Cybersecurity Schema Framework 1.6.0 as one JSON object; what it has no place for is unmapped."""
    actor, action = record["actor"], record["action"]
    class_uid, activity = _ocsf_class(action)
    user = {
        "uid": actor.get("id", ""),
        "type": actor["kind"],
        "type_id": 3 if actor["kind"] == "system" else 1,
    }
    event: dict[str, object] = {
        "metadata": {
            "version": "1.6.0",
            "product": {"name": "Naesil", "vendor_name": "Naesil"},
            "uid": record["id"],
            "sequence": record["index"],
            "log_name": "audit",
            "event_code": action,
        },
        "time": milliseconds(record),
        "class_uid": class_uid,
        "category_uid": class_uid // 1000,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "severity_id": OCSF_SEVERITY.get(record["outcome"], 0),
        "status_id": 1 if record["outcome"] in ("allowed", "masked") else 2,
        "status": record["outcome"],
        "status_detail": record.get("reason", ""),
        "message": action,
        "actor": {"user": user, "session": {"uid": actor.get("credential", "")}},
        "src_endpoint": _endpoint(actor.get("origin", "") or "naesil"),
        "api": {"operation": action, "request": {"uid": record.get("request", "")}},
        "resources": [{"name": record.get("object", ""), "owner": {"uid": record.get("subject", "")}}],
        "unmapped": {
            key: value
            for key, value in record.items()
            if key not in ("action", "actor", "id", "index", "outcome", "reason", "time")
        },
    }
    if activity == OCSF_OTHER:
        event["activity_name"] = action.rpartition(":")[2]
    if class_uid == OCSF_AUTHENTICATION:
        event["service"] = {"name": "Naesil"}
    if class_uid != OCSF_API_ACTIVITY:
        event["user"] = {"uid": record.get("subject", "") or actor.get("id", "")}
    return canonical(event).decode()


def syslog_line(record: Record) -> str:
    """RFC 5424, facility 13: the five fields of an access record as data, the record as message."""
    actor, action = record["actor"], record["action"]
    priority = SYSLOG_FACILITY * 8 + SYSLOG_SEVERITY.get(record["outcome"], 5)
    fields = {
        "index": str(record["index"]),
        "outcome": record["outcome"],
        "actor": actor.get("id", ""),
        "origin": actor.get("origin", ""),
        "subject": record.get("subject", ""),
        "task": record.get("task", ""),
    }
    data = " ".join(f'{name}="{_syslog_value(value)}"' for name, value in fields.items())
    text = canonical(record).decode()
    return f"<{priority}>1 {record['time']} - naesil - {action[:32]} [{SYSLOG_ID} {data}] \ufeff{text}"


def checkpoint_line(note: str, time: str) -> str:
    """A signed checkpoint for a syslog receiver, as JSON in ASCII: nothing on its way may change a mark."""
    priority = SYSLOG_FACILITY * 8 + SYSLOG_NOTICE
    return f"<{priority}>1 {time} - naesil - checkpoint [{SYSLOG_ID}] \ufeff{json.dumps({SENT: note})}"


def kept_checkpoint(text: str) -> str:
    """The checkpoint in what was kept of it: a file, a typed sheet with its QR code, syslog lines.

    Of several lines the last. What is kept may have lost or got empty lines at its ends, which nobody signed.
    """
    at = text.rfind(f'{{"{SENT}": "')
    with suppress(ValueError):
        text = str(json.JSONDecoder().raw_decode(text[at:])[0][SENT]) if at >= 0 else text
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    signed = [number for number, line in enumerate(lines) if line.startswith(SIGNED)]
    return "\n".join(lines[: signed[-1] + 1] if signed else lines) + "\n"


LINES: dict[str, tuple[str, Callable[[Record], str]]] = {
    "entries.csv": ("\ufeff" + CSV_HEADER + "\n", csv_line),
    "entries.cef": ("", cef_line),
    "entries.ocsf.jsonl": ("", ocsf_line),
    "entries.syslog": ("", syslog_line),
}
"""The files of an export that repeat the entries: what each begins with, and its line for one."""

_CEF_LABELS = {
    "cn1": "logIndex",
    "cn2": "promptTokens",
    "cn3": "completionTokens",
    "cs1": "rules",
    "cs2": "policyRevision",
    "cs3": "modelSha256",
    "cs4": "detections",
    "cs5": "guardLevel",
    "cs6": "commitment",
}
# Activities as the schema numbers them; what has no number is OCSF_OTHER, with its own name.
_OCSF_SIGN_IN = {"open": 1, "close": 2, "refuse": 1}
_OCSF_ACCOUNT = {
    "user:create": 1, "user:enable": 2, "password:change": 3, "user:reset": 4, "user:disable": 5,
    "user:delete": 6, "second-factor:enable": 10, "second-factor:disable": 11,
}  # fmt: skip
_OCSF_API = {
    "create": 1, "accept": 1, "add": 1, "read": 2, "list": 2, "change": 3, "rename": 3, "set": 3, "write": 3,
    "delete": 4, "remove": 4, "destroy": 4, "revoke": 4,
}  # fmt: skip


def _ocsf_class(action: str) -> tuple[int, int]:
    """(class, activity)."""
    area, _, rest = action.partition(":")
    verb = rest.rpartition(":")[2]
    if area == "auth":
        return OCSF_AUTHENTICATION, _OCSF_SIGN_IN.get(verb, OCSF_OTHER)
    if area == "identity" and (rest in _OCSF_ACCOUNT or rest.startswith("user:")):
        return OCSF_ACCOUNT_CHANGE, _OCSF_ACCOUNT.get(rest, OCSF_OTHER)
    return OCSF_API_ACTIVITY, _OCSF_API.get(verb, OCSF_OTHER)


def _endpoint(origin: str) -> dict[str, str]:
    return {"name": origin} if _address_key(origin) == "shost" else {"ip": origin}


def _address_key(origin: str) -> str:
    """The CEF key of where somebody came from: an IPv4 address, an IPv6 address, or a name."""
    try:
        return "src" if ip_address(origin).version == 4 else "c6a2"
    except ValueError:
        return "shost"


def _detections(record: Record) -> str:
    return " ".join(f"{name}:{count}" for name, count in sorted(record.get("detections", {}).items()))


def _csv_cell(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
    if text.startswith(FORMULAS):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"') else text


def _cef_head(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _cef_value(text: str) -> str:
    for plain, escaped in (("\\", "\\\\"), ("=", "\\="), ("\r", "\\r"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return text


def _syslog_value(text: str) -> str:
    for mark in ("\\", '"', "]"):
        text = text.replace(mark, "\\" + mark)
    return text.replace("\r", " ").replace("\n", " ")
