"""Texts sealed for auditors, beside the log."""

import sqlalchemy as sa
from alembic import op

revision = "0017_audit_contents"
down_revision = "0016_presets"


def upgrade() -> None:
    op.create_table(
        "audit_contents",
        sa.Column("entry_id", sa.String(), primary_key=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
    )
    for name in ("subject", "object", "kept_at"):
        op.create_index(f"ix_audit_contents_{name}", "audit_contents", [name])
