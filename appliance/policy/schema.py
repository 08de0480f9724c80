"""JSON Schemas of the policy documents, for editors that check while one types."""

import json
from pathlib import Path

from appliance.policy.documents import DOCUMENTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """File name -> JSON text, as kept in policies/schema/."""
    return {
        f"{name}.schema.json": json.dumps(
            {"$schema": DIALECT, **model.model_json_schema(mode="validation")}, ensure_ascii=False, indent=2
        )
        + "\n"
        for name, model in DOCUMENTS.items()
    }


def write(folder: Path) -> None:
    """Renew the schema files of a policies folder."""
    folder.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, "utf-8")
