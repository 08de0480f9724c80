"""The class of a conversation: open, sensitive or secret."""

import sqlalchemy as sa
from alembic import op

revision = "0012_data_class"
down_revision = "0011_holds"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("data_class", sa.String(), nullable=False, server_default="O"))
