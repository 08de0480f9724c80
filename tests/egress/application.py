"""A small application of the same parts as the web process: FastAPI, uvicorn, SQLite in WAL, threads."""

import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from appliance.storage.engine import Database


def run(data: Path, listener: socket.socket) -> None:
    """Serve until SIGTERM. POST /notes writes a row, GET /notes counts them; both in worker threads."""
    database = Database(f"sqlite:///{data / 'notes.db'}")
    app = FastAPI()

    @app.post("/notes")
    def add() -> dict[str, str]:
        with database.write() as session:
            session.execute(text("CREATE TABLE IF NOT EXISTS notes (words TEXT)"))
            session.execute(text("INSERT INTO notes VALUES ('x')"))
        return {"kept": "yes"}

    @app.get("/notes")
    def count() -> dict[str, int]:
        with database.read() as session:
            return {"notes": int(session.execute(text("SELECT count(*) FROM notes")).scalar_one())}

    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none")
    uvicorn.Server(config).run(sockets=[listener])
    database.close()
