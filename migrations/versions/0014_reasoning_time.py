"""How long an answer was thought about before it began."""

import sqlalchemy as sa
from alembic import op

revision = "0014_reasoning_time"
down_revision = "0013_figures"


def upgrade() -> None:
    op.add_column("messages", sa.Column("reasoning_s", sa.Double(), nullable=False, server_default="0"))
