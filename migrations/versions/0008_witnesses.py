"""Witnesses of the audit log and their cosignatures."""

import sqlalchemy as sa
from alembic import op

from appliance.storage.base import Big

revision = "0008_witnesses"
down_revision = "0007_audit_search"


def upgrade() -> None:
    op.create_table(
        "audit_witnesses",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", Big, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("line", sa.String(), nullable=False),
    )
