"""How long an answer was thought about before it began."""

import sqlalchemy as sa
from alembic import op

revision = "0013_reasoning_time"
down_revision = "0012_data_class"


def upgrade() -> None:
    op.add_column("messages", sa.Column("reasoning_s", sa.Double(), nullable=False, server_default="0"))
