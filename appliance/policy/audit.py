"""policies/audit.yaml: where the log is handed on to, and what its monthly review points at."""

from typing import Annotated, Literal

from cryptography import x509
from pydantic import Field, field_validator

from appliance.policy.egress import LONGEST_NAME, plain_host
from appliance.policy.shape import Document


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
    ca: str = Field(max_length=65536, description="The certificates its own must come from, as PEM text.")

    @field_validator("host")
    @classmethod
    def _one_host(cls, value: str) -> str:
        return plain_host(value)

    @field_validator("ca")
    @classmethod
    def _certificates(cls, value: str) -> str:
        try:
            x509.load_pem_x509_certificates(value.encode())
        except ValueError:
            raise ValueError("certificates in PEM form are wanted: -----BEGIN CERTIFICATE----- ...") from None
        return value


class ReviewLimits(Document):
    """From how many on something is pointed at. Nights are Seoul's."""

    night_from: int = Field(default=22, ge=0, le=23, description="The hour at which a night begins.")
    night_to: int = Field(default=6, ge=0, le=23, description="The hour at which it is over.")
    night_uses: int = Field(default=5, ge=1, description="Uses at night by one person.")
    exports_a_day: int = Field(default=3, ge=1, description="Exports on one day by one person.")
    blocks: int = Field(default=10, ge=1, description="Blocked questions of one person.")
    failed_sign_ins: int = Field(default=10, ge=1, description="Of one account, or from one address.")


class Audit(Document):
    """policies/audit.yaml: scheduled exports, the syslog receiver, the limits of the review."""

    version: Literal[1]
    export: ScheduledExport | None = None
    syslog: SyslogReceiver | None = None
    review: ReviewLimits = ReviewLimits()
