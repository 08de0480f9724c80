"""What a process loads it keeps for as long as the product runs, and there are many of them."""

import subprocess
import sys

import pytest

HEAVY = (
    "alembic", "argon2", "babel", "cryptography", "fastapi", "fido2", "jinja2", "llama_cpp", "numpy",
    "openpyxl", "pydantic", "sqlalchemy", "typer", "uvicorn", "yaml",
)  # fmt: skip


@pytest.mark.parametrize(
    ("modules", "needed"),
    [
        ("appliance.cli.main, appliance.cli.serving", set()),  # launcher, keeper and supervisor
        ("appliance.supervisor.child", set()),  # every other, before its role
        ("appliance.supervisor.child, appliance.egress.gate", set()),
        ("appliance.supervisor.child, appliance.egress.broker", set()),
        ("appliance.supervisor.child, appliance.egress.post", set()),
        ("appliance.supervisor.child, appliance.egress.sealer", {"cryptography"}),
        ("appliance.supervisor.child, appliance.extractor.process", set()),
    ],
)
def test_a_process_loads_only_what_its_role_needs(modules: str, needed: set[str]) -> None:
    program = f"import sys, {modules}; print(*(name for name in {HEAVY} if name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == needed


def test_web_starts_without_what_only_others_need_or_hardly_anybody() -> None:
    foreign = (
        *("llama_cpp", "numpy", "openpyxl", "docx", "pptx", "lxml", "pypdfium2", "hwpx", "typer"),
        *("alembic", "mako", "latex2mathml", "fido2", "cryptography.x509", "re2"),
    )
    program = f"import sys, appliance.supervisor.web; print([n for n in {foreign} if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_who_asks_the_guard_does_not_wait_for_what_other_commands_need() -> None:
    """A self-attack takes less time than loading all of them."""
    program = (
        "import sys; from appliance.cli.main import main\n"
        "sys.argv = ['appliance', 'egress', 'probe', '--help']\n"
        f"try: main()\nexcept SystemExit: print(*(name for name in {HEAVY} if name in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "--json" in result.stdout
    assert not set(result.stdout.splitlines()[-1].split()) & {"sqlalchemy", "fastapi", "alembic", "yaml"}
