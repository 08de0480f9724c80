"""What the dashboard and trials count: decisions on replies, ends of answers, waits for the first word."""

import sqlalchemy as sa
from alembic import op

revision = "0013_figures"
down_revision = "0012_data_class"


def upgrade() -> None:
    for column in (
        sa.Column("direction", sa.String(), nullable=False, server_default="prompt"),
        sa.Column("acted", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("trial", sa.String(), nullable=True),
        sa.Column("trial_outcome", sa.String(), nullable=True),
    ):
        op.add_column("policy_decisions", column)
    op.create_index("ix_policy_decisions_trial", "policy_decisions", ["trial"])
    op.add_column("usage", sa.Column("state", sa.String(), nullable=False, server_default="done"))
    op.add_column("usage", sa.Column("first_token_s", sa.Double(), nullable=True))
