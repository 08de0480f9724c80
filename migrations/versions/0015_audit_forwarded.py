"""How far the audit log was sent to a syslog receiver."""

import sqlalchemy as sa
from alembic import op

from appliance.storage.base import Big

revision = "0015_audit_forwarded"
down_revision = "0014_reasoning_time"


def upgrade() -> None:
    op.create_table(
        "audit_forwarded",
        sa.Column("receiver", sa.String(), primary_key=True),
        sa.Column("after", Big, nullable=False),
    )
