"""Legal holds: whose conversations nothing may destroy."""

import sqlalchemy as sa
from alembic import op

revision = "0011_holds"
down_revision = "0010_branches"


def upgrade() -> None:
    op.create_table(
        "legal_holds",
        sa.Column("user_id", sa.String(), primary_key=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    )
