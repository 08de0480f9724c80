"""policies/audit.yaml: where the log is handed on to, and what its monthly review points at."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from appliance.errors import N_
from appliance.evidence.auditorkey import AuditorKey
from appliance.policy.egress import LONGEST_NAME, plain_host
from appliance.policy.shape import Document
from appliance.tlog.cosign import CosignerKey
from appliance.tlog.faults import NoteError


def _auditor_key(value: str) -> str:
    try:
        return str(AuditorKey.parse(value))
    except NoteError:
        raise ValueError(
            N_("an auditor's public key is wanted, as 'appliance audit keygen' prints it")
        ) from None


def _witness_key(value: str) -> str:
    try:
        return str(CosignerKey.parse(value))
    except NoteError:
        raise ValueError(
            N_("a witness's public key is wanted, as 'appliance witness init' prints it")
        ) from None


def _certificates(value: str) -> str:
    from cryptography import x509  # noqa: PLC0415 - large, and few name certificates

    try:
        x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise ValueError(N_("certificates in PEM form are wanted: -----BEGIN CERTIFICATE----- ...")) from None
    return value


Certificates = Annotated[str, Field(max_length=65536), AfterValidator(_certificates)]
AuditorPublicKey = Annotated[str, Field(max_length=300), AfterValidator(_auditor_key)]


class ScheduledExport(Document):
    """Whole exports, again and again, into a folder of the data folder's exports/."""

    directory: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="A folder's name in exports/.")
    ]
    every: Literal["hourly", "daily", "weekly", "monthly"] = Field(description="By Seoul's calendar.")
    keep: int = Field(ge=1, le=1000, description="How many of the newest stay.")


class SyslogReceiver(Document):
    """Who receives every sealed entry: RFC 5424 over TLS. egress.yaml must name it too."""

    host: Annotated[str, Field(max_length=LONGEST_NAME, description="A name or an address.")]
    port: int = Field(default=6514, ge=1, le=65535)
    ca: Certificates = Field(description="The certificates its own must come from, as PEM text.")

    @field_validator("host")
    @classmethod
    def _one_host(cls, value: str) -> str:
        return plain_host(value)


EVERY = {
    "minutely": timedelta(minutes=1),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
}


class AskedWitness(Document):
    """Who is asked to cosign our checkpoints (C2SP tlog-witness). egress.yaml must name its host too."""

    name: Annotated[str, Field(pattern=r"^[^\s+]{1,100}$", description="What the log calls it.")]
    url: Annotated[str, Field(max_length=500, description="Its address, what comes before /add-checkpoint.")]
    key: Annotated[str, Field(max_length=3000, description="Its public key."), AfterValidator(_witness_key)]
    every: Literal["minutely", "hourly", "daily", "weekly"] = "hourly"
    ca: Certificates | None = Field(
        default=None, description="For https: the certificates its own must come from, as PEM text."
    )

    @field_validator("url")
    @classmethod
    def _one_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError(N_("an address is wanted like https://w1.example/witness"))
        host = plain_host(parts.hostname or "")
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        host = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{host}:{port}{parts.path.removesuffix('/').removesuffix('/add-checkpoint')}"

    @model_validator(mode="after")
    def _whom_to_believe(self) -> "AskedWitness":
        if (self.protocol == "https") != (self.ca is not None):
            raise ValueError(N_("an address with https needs ca, one with http has none"))
        return self

    @property
    def protocol(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def prefix(self) -> str:
        return urlsplit(self.url).path


class ReviewLimits(Document):
    """From how many on something is pointed at. Nights are Seoul's."""

    night_from: int = Field(default=22, ge=0, le=23, description="The hour at which a night begins.")
    night_to: int = Field(default=6, ge=0, le=23, description="The hour at which it is over.")
    night_uses: int = Field(default=5, ge=1, description="Uses at night by one person.")
    exports_a_day: int = Field(default=3, ge=1, description="Exports on one day by one person.")
    blocks: int = Field(default=10, ge=1, description="Blocked questions of one person.")
    failed_sign_ins: int = Field(default=10, ge=1, description="Of one account, or from one address.")


class Audit(Document):
    """policies/audit.yaml: sealed texts, scheduled exports, syslog, witnesses, the review's limits."""

    version: Literal[1]
    content: Literal["commitments", "sealed"] = Field(
        default="commitments", description="Whether texts are sealed for the auditors beside the log."
    )
    auditors: tuple[AuditorPublicKey, ...] = Field(
        default=(), max_length=8, description="Public keys, as 'appliance audit keygen' prints them."
    )
    sealed_days: int = Field(
        default=90, ge=1, le=3650, description="After so many days a sealed text is destroyed at the latest."
    )
    export: ScheduledExport | None = None
    syslog: SyslogReceiver | None = None
    witnesses: tuple[AskedWitness, ...] = Field(default=(), max_length=16)
    review: ReviewLimits = ReviewLimits()

    @property
    def auditor_names(self) -> tuple[str, ...]:
        """Who can open what is sealed, by their keys' names."""
        return tuple(AuditorKey.parse(key).name for key in self.auditors)

    @model_validator(mode="after")
    def _somebody_to_open_it(self) -> "Audit":
        if self.content == "sealed" and not self.auditors:
            raise ValueError(
                N_("content: sealed needs at least one key in auditors; see 'appliance audit keygen'")
            )
        if len(set(self.auditors)) != len(self.auditors):
            raise ValueError(N_("an auditor's key is there twice"))
        if len({one.key for one in self.witnesses}) != len(self.witnesses):
            raise ValueError(N_("a witness's key is there twice"))
        return self
