"""What each answer cost, by person and key."""

import sqlalchemy as sa
from alembic import op

revision = "0006_usage"
down_revision = "0005_sign_in"


def upgrade() -> None:
    op.create_table(
        "usage",
        sa.Column("answer_id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("object", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("work_s", sa.Double(), nullable=False),
    )
    op.create_index("ix_usage_at_user_id", "usage", ["at", "user_id"])
