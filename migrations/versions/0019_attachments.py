"""Files beside questions: their sealed text, and which question they went with."""

import sqlalchemy as sa
from alembic import op

revision = "0019_attachments"
down_revision = "0018_conversation_keys"


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("user_id", sa.String(), nullable=False, index=True),
        sa.Column(
            "conversation_id",
            sa.String(),
            sa.ForeignKey("conversations.id", ondelete="CASCADE"),
            nullable=True,
            index=True,
        ),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_attachments_sent_created_at", "attachments", ["sent", "created_at"])
    op.add_column("messages", sa.Column("attachments", sa.JSON(), nullable=True))
