"""The proof that one holds a name among all processes on a database, for as long as it lasts."""

from collections.abc import Callable


class Lease:
    """Given by `Database.lease`. `held` asks the database when it can be lost there."""

    def __init__(self, ask: Callable[[], bool] = lambda: True) -> None:
        self._ask = ask

    def held(self) -> bool:
        """False once the database let go of it: somebody else may hold it by now."""
        return self._ask()
