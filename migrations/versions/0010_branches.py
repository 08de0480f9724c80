"""Conversations as trees, with pins, an archive, folders and a time to change one's mind about deleting."""

import sqlalchemy as sa
from alembic import op

revision = "0010_branches"
down_revision = "0009_policies"


def upgrade() -> None:
    for column in (
        sa.Column("leaf_id", sa.String(), nullable=True),
        sa.Column("folder", sa.LargeBinary(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("archived", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("conversations", column)
    op.create_index("ix_conversations_deleted_at", "conversations", ["deleted_at"])
    op.add_column("messages", sa.Column("parent_id", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("reasoning", sa.LargeBinary(), nullable=True))
    op.execute(
        "UPDATE messages SET parent_id = (SELECT before.id FROM messages AS before"
        " WHERE before.conversation_id = messages.conversation_id"
        " AND before.position = messages.position - 1)"
    )
    op.execute(
        "UPDATE conversations SET leaf_id = (SELECT last.id FROM messages AS last"
        " WHERE last.conversation_id = conversations.id ORDER BY last.position DESC LIMIT 1)"
    )
