"""What of `transformers:` needs no torch: its spec, what is missing, how rows are put together."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dikast.agents.models.load import load_model
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.models.transformers import adapters, forms, loading
from dikast.agents.models.transformers import model as module
from dikast.agents.models.transformers.draws import Draw
from dikast.agents.models.transformers.groups import PADDING_FREE, PREFILL_TOKENS, Row, batches
from dikast.agents.models.transformers.model import TransformersModel
from dikast.errors import DataError, DikastError, MissingExtraError, UsageError


def here(name: str) -> ModuleSpec | None:
    return ModuleSpec(name, None)


def nowhere(name: str) -> ModuleSpec | None:
    return None


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra were here."""
    monkeypatch.setattr(module, "find_spec", here)


def load(spec: str) -> TransformersModel:
    model = load_model(spec)
    assert isinstance(model, TransformersModel)
    return model


@pytest.mark.parametrize("missing", loading.NEEDED)
def test_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    def found(name: str) -> ModuleSpec | None:
        return None if name == missing else here(name)

    for place in (module, loading):
        monkeypatch.setattr(place, "find_spec", found)
    with pytest.raises(MissingExtraError, match=missing) as caught:
        load_model("transformers:smollm2-135m")
    assert "dikast[train]" in str(caught.value)
    with pytest.raises(MissingExtraError, match=missing):
        loading.import_libraries()


def test_missing_parts_name_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place in (forms, adapters, loading):
        monkeypatch.setattr(place, "find_spec", nowhere)
    monkeypatch.setenv("DIKAST_CACHE", str(tmp_path))
    gguf = tmp_path / "m.gguf"
    gguf.write_bytes(b"GGUF")

    bare: Any = SimpleNamespace(adapters=set[str]())
    for call in (
        lambda: forms.grammar_of(Structured(choice=("a",))),
        lambda: adapters.load_adapter(bare, (str(tmp_path), "sha256:0")),
        lambda: loading.unpacked(gguf),
    ):
        with pytest.raises(MissingExtraError) as caught:
            call()
        assert "dikast[train]" in str(caught.value)


@pytest.mark.usefixtures("installed")
def test_options_become_fields_and_nothing_is_opened() -> None:
    model = load("transformers:student?device=cpu&dtype=bfloat16&batch=8&timeout=9&seed=7&temperature=0.5")
    assert (model.target, model.device, model.dtype, model.rows, model.timeout) == (
        "student",
        "cpu",
        "bfloat16",
        8,
        9.0,
    )
    assert (model.sampling.seed, model.sampling.temperature) == (7, 0.5)
    assert model.requests_held() == 0
    assert "torch" not in sys.modules


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("bach=3", "did you mean 'batch'"),
        ("batch=0", "'batch' must be a whole number, 1 or more"),
        ("dtype=int3", "'dtype' must be one of float32"),
        ("lora=nowhere", "adapter_config.json and adapter_model.safetensors"),
        ("template=x", "'template' must be a JSON object"),
        ("temperature=9", "'temperature'"),
        ("kv=h3o", "'kv' must be one of full, window, sink, h2o, h2o-normalised, snapkv"),
        ("kv=h2o&heavy=2.5", "'heavy' must be a share of the prompt"),
        ("kv=h2o&recent=-1", "'recent' must be a share of the prompt"),
        ("kv=h2o&recent=nan", "'recent' must be a share of the prompt"),
        ("kv=h2o&heavy=0&recent=0", "nothing would be kept"),
        ("heavy=.1", "'heavy' is for a cache policy"),
    ],
)
def test_wrong_option_is_told(options: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_model(f"transformers:student?{options}")


@pytest.mark.usefixtures("installed")
def test_fingerprint_is_of_the_content_not_of_the_place(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "same", "other")]
    for folder, content in zip(folders, (b"weights", b"weights", b"others!"), strict=True):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(content)
    prints = [load(f"transformers:{folder}").fingerprint() for folder in folders]
    assert prints[0] == prints[1] != prints[2]
    assert load(f"transformers:{folders[0]}?batch=3&timeout=5&device=cpu").fingerprint() == prints[0]
    assert load(f"transformers:{folders[0]}?dtype=bfloat16").fingerprint() != prints[0]
    assert load(f"transformers:{folders[0]}?seed=1").fingerprint() != prints[0]
    kept = [load(f"transformers:{folders[0]}?kv=h2o{more}").fingerprint() for more in ("", "&heavy=.1", "&heavy=.2")]
    assert kept[0] == kept[1] != kept[2]
    assert kept[0] != prints[0]
    (folders[0] / "adapter_config.json").write_text("{}")
    (folders[0] / "adapter_model.safetensors").write_bytes(b"x")
    assert load(f"transformers:{folders[1]}?lora={folders[0]}").fingerprint() != prints[1]
    (folders[0] / "model.safetensors").write_bytes(b"others!")
    assert load(f"transformers:{folders[0]}").fingerprint() != prints[0]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("target", ["/no/such/folder", "no-such-model", "none.gguf"])
def test_what_is_no_model_is_one_line(target: str) -> None:
    with pytest.raises(DikastError) as caught:
        load(f"transformers:{target}").fingerprint()
    assert isinstance(caught.value, DataError | UsageError)
    assert "\n" not in str(caught.value)


def row(length: int, adapter: str = "", scored: int = 0) -> Row:
    tokens = range(length)
    return Row(tokens, Draw(Sampling(), None, None, None, tokens), adapter, scored, None)


def test_rows_of_a_group_are_alike() -> None:
    rows = [row(5), row(6, "a"), row(7), row(8, scored=2), row(3000), row(3000), row(9000)]
    made = batches(rows, 64)
    lengths = [[len(one.tokens) for one in group] for group in made]
    assert lengths == [[5, 7], [3000], [3000], [9000], [8], [6]]


def test_groups_are_bounded() -> None:
    assert [len(group) for group in batches([row(4) for _ in range(150)], 64)] == [64, 64, 22]
    by_tokens = batches([row(PREFILL_TOKENS // 4) for _ in range(9)], 64)
    assert [len(group) for group in by_tokens] == [4, 4, 1]
    by_padding = batches([row(1), row(1 + PADDING_FREE), row(2 + PADDING_FREE)], 64)
    assert [len(group) for group in by_padding] == [2, 1]
