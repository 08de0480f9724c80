"""A key for each conversation. Those that are there get theirs when something is written to them."""

import sqlalchemy as sa
from alembic import op

revision = "0018_conversation_keys"
down_revision = "0017_audit_contents"


def upgrade() -> None:
    op.create_table(
        "conversation_keys",
        sa.Column(
            "conversation_id",
            sa.String(),
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("subject_id", sa.String(), nullable=False, index=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
    )
