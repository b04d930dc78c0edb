"""From a policy to whoever speaks as it does: the engine it was trained in, vLLM, servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import ModelError, ModelUnavailable, UsageError
from dikast.training.rounds import Policy
from dikast.training.serving import serve
from tests.loopback import ECHO, Loopback

START = Policy(model="transformers:base", digest="ab" * 16, round=0)
NAME = f"policy-{START['digest'][:12]}"


def trained(adapter: Path | str) -> Policy:
    return {**START, "model": f"transformers:base?lora={adapter}&dtype=float32", "round": 1}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    (tmp_path / "adapter_config.json").write_text("{}")
    return tmp_path


async def test_without_an_engine_for_sampling_it_is_the_policys_own() -> None:
    assert await serve("", START) == "transformers:base"
    assert await serve("", trained("a/b")) == "transformers:base?lora=a/b&dtype=float32"


async def test_the_start_is_the_engines_own_model() -> None:
    for spec in ("vllm:org/m?dtype=float32", "server:http://127.0.0.1:1/v1#m", "openvino:x"):
        assert await serve(spec, START) == spec


async def test_vllm_gets_the_adapter_as_an_option() -> None:
    assert await serve("vllm:org/m?dtype=float32", trained("/a b/c")) == f"vllm:org/m?dtype=float32&lora={NAME}=/a+b/c"
    assert await serve("vllm:org/m?lora=old=x", trained("c")) == f"vllm:org/m?lora={NAME}=c"


async def test_every_server_loads_the_adapter_once_and_is_asked_for_it(adapter: Path) -> None:
    with Loopback(adapters={}) as one, Loopback(adapters={}) as two:
        spec = f"server:{one.url},{two.url}#{ECHO}?timeout=30"
        for _ in range(2):
            assert await serve(spec, trained(adapter)) == f"server:{one.url},{two.url}#{NAME}?timeout=30"
        assert one.adapters == two.adapters == {NAME: str(adapter.resolve())}


async def test_a_server_that_loads_no_adapters_is_told_with_the_remedy(adapter: Path) -> None:
    with Loopback() as server, pytest.raises(ModelUnavailable, match="VLLM_ALLOW_RUNTIME_LORA_UPDATING"):
        await serve(f"server:{server.url}#{ECHO}", trained(adapter))


async def test_an_adapter_that_the_server_does_not_find_is_told(tmp_path: Path) -> None:
    with Loopback(adapters={}) as server, pytest.raises(ModelError, match="No adapter found") as told:
        await serve(f"server:{server.url}#{ECHO}", trained(tmp_path / "gone"))
    assert "loads no adapters" not in str(told.value)
    with pytest.raises(ModelUnavailable):
        await serve("server:http://127.0.0.1:9/v1#m?retries=0", trained(tmp_path))


async def test_all_weights_or_an_engine_without_adapters_is_refused(adapter: Path) -> None:
    with pytest.raises(UsageError, match="all weights"):
        await serve("vllm:org/m", {**START, "model": "transformers:out/model", "round": 1})
    with pytest.raises(UsageError, match="no adapter can be loaded"):
        await serve("openvino:x", trained(adapter))
