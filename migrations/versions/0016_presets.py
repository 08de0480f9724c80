"""Assistants and prompts, and what each answer was made with."""

import sqlalchemy as sa
from alembic import op

revision = "0016_presets"
down_revision = "0015_audit_forwarded"


def upgrade() -> None:
    op.create_table(
        "presets",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False, index=True),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    for table in ("conversations", "messages"):
        op.add_column(table, sa.Column("maker", sa.String(), nullable=False, server_default="standard"))
