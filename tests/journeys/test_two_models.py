"""An administrator asks two models the same thing on the page, and the first one serves again."""

from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import expect

from tests.browser.watch import open_browser, open_page
from tests.inference.tiny_models import FAMILIES, write
from tests.journeys.product import Product, appliance, new_key
from tests.journeys.test_browser import ANSWER_LIMIT_MS, sign_in

EMBEDDED = "smollm2-135m-instruct"


def test_two_models_side_by_side(
    start_product: Callable[..., Product], tmp_path: Path, embedded_model: Path
) -> None:
    product = start_product()
    tiny = write(tmp_path / "Tiny.gguf", FAMILIES["qwen2"], embedded_model)
    imported = appliance("model", "import", str(tiny), "--name", "tiny", "--data", str(product.data))
    assert imported.returncode == 0, imported.stderr
    with open_browser() as browser, open_page(browser, product.url) as (page, _watch):
        sign_in(page)
        page.goto("/compare")
        page.get_by_label("질문").fill("Say something short.")
        page.get_by_label("둘째").select_option("model:tiny")
        page.get_by_role("button", name="둘 다 물어보기").click()
        done = page.locator("article.answer:is([data-state=done], [data-state=stopped])")
        expect(done).to_have_count(2, timeout=ANSWER_LIMIT_MS)
        assert page.locator(".columns h2").all_inner_texts() == [f"모델 {EMBEDDED}", "모델 tiny"]
        expect(page.get_by_role("alert")).to_have_count(0)
    key = {"Authorization": f"Bearer {new_key(product.data)}"}
    served = httpx.get(f"{product.url}/v1/models", headers=key).json()["data"][0]["id"]
    assert served == EMBEDDED
    assert product.stop() == 0
