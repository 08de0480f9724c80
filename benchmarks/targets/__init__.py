"""The product and its peers, started for a workload and stopped after it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from benchmarks.load import Target
from benchmarks.registry import ENGINE, PRODUCT, Scale, Setup
from benchmarks.targets import engine, llama_server, product, remote, xllamacpp


@asynccontextmanager
async def start(name: str, setup: Setup, scale: Scale) -> AsyncIterator[Target]:
    """The named target, ready to answer; an address stands for itself."""
    async with _opening(name, setup, scale) as target:
        yield target


def _opening(name: str, setup: Setup, scale: Scale) -> AbstractAsyncContextManager[Target]:
    if name == PRODUCT:
        return product.start(setup, scale.model)
    if name == ENGINE:
        return engine.start(setup, scale.model)
    if name == "llama-server":
        return llama_server.start(setup, scale.model)
    if name == "xllamacpp":
        return xllamacpp.start(setup, scale.model)
    return remote.start(name)
