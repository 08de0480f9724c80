"""The database, its transactions, its migrations, and the keys that encrypt its rows."""
