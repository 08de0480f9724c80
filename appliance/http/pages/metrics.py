"""GET /metrics: the product's state in Prometheus' text format, for whoever has its token.

Off unless the setting `metrics_token_sha256` names a token. Counts and gauges only: no label
names a person, a conversation or a key. Format: Prometheus exposition format 0.0.4.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from appliance import __version__
from appliance.completions.tally import Tally
from appliance.errors import N_, NaesilError, NotFound
from appliance.http.services import Services
from appliance.protocol.messages import Stats

PATIENCE_S = 2.0


class _Now(Collector):
    """One scrape: what the counters and the engine say at this moment."""

    def __init__(self, services: Services, stats: Stats | None) -> None:
        self._services = services
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        model = self._services.inference.model
        started = self._services.started_at.timestamp()
        yield InfoMetricFamily(
            "naesil", "Version and model.",
            value={"version": __version__, "model": model.model_name if model else ""},
        )  # fmt: skip
        yield GaugeMetricFamily("naesil_ready", "1 if questions can be answered.", int(model is not None))
        yield GaugeMetricFamily("naesil_start_time_seconds", "Start of the web process (Unix time).", started)
        yield from _counted(self._services.completions.tally)
        if self._stats is not None:
            yield from _engine(self._stats)


def _counted(tally: Tally) -> Iterator[Metric]:
    yield _by("naesil_answers", "Settled answers by how they ended.", "state", tally.answers.items())
    yield _by("naesil_refusals", "Requests refused by policy or limits.", "code", tally.refusals.items())
    for name, text, value in (
        ("naesil_prompt_tokens", "Tokens read.", tally.prompt_tokens),
        ("naesil_completion_tokens", "Tokens generated.", tally.completion_tokens),
        ("naesil_work_seconds", "Time that slots worked.", tally.work_s),
    ):
        yield CounterMetricFamily(name, text, value)


def _by(name: str, text: str, label: str, values: Iterable[tuple[str, int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in sorted(values):
        family.add_metric([key], value)
    return family


def _engine(stats: Stats) -> Iterator[Metric]:
    for name, text, value in (
        ("naesil_slots", "Answers that can be generated at the same time.", stats.slots),
        ("naesil_running", "Answers being generated.", stats.running),
        ("naesil_waiting", "Requests waiting for a slot.", stats.waiting),
        ("naesil_prompt_tokens_per_second", "Measured speed of reading.", stats.prompt_tokens_per_s),
        ("naesil_generated_tokens_per_second", "Measured speed of writing.", stats.generated_tokens_per_s),
    ):
        yield GaugeMetricFamily(name, text, value)


def router(services: Services) -> APIRouter:
    routes = APIRouter()
    expected = services.settings.metrics_token_sha256.lower()

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        if not expected:
            raise NotFound(N_("There is no such page."))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(token.strip().encode()).hexdigest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(digest, expected):
            return Response("This needs the token of `appliance metrics-token`.\n", 401,
                            {"WWW-Authenticate": "Bearer"}, "text/plain")  # fmt: skip
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Now(services, await _stats(services)))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return routes


async def _stats(services: Services) -> Stats | None:
    """The engine's figures; None while it restarts: the scrape still says so."""
    try:
        return await asyncio.wait_for(services.inference.stats(), PATIENCE_S)
    except (NaesilError, TimeoutError):
        return None
