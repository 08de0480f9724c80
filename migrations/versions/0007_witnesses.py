"""Witnesses of the audit log and their cosignatures."""

import sqlalchemy as sa
from alembic import op

revision = "0007_witnesses"
down_revision = "0006_usage"


def upgrade() -> None:
    op.create_table(
        "audit_witnesses",
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("line", sa.String(), nullable=False),
    )
