"""What can be said of a training without training: its rows, its plan, its folder, its checkpoints, what is missing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, MissingExtraError, ModelUnavailable, ResumeMismatchError, TrainingError, UsageError
from dikast.training.backend.bases import Base, check_base
from dikast.training.backend.checkpoints import last_sealed, seal, step_of
from dikast.training.backend.launching import follow, outcome, stop
from dikast.training.backend.running import Done, Job
from dikast.training.backend.watching import refuse_diverged
from dikast.training.folder import open_training, read_training, write_training
from dikast.training.inputs import Inputs, check_rows, gather
from dikast.training.plans import plan_of, steps_of
from dikast.training.recipes import DpoRecipe, GrpoRecipe, RewardRecipe, SftRecipe, ValueRecipe
from dikast.training.report import card
from dikast.training.rows import Checked
from dikast.training.trainer import opens, train
from tests.training.speaking import speaker

SFT: list[dict[str, Any]] = [{"prompt": f"{at} and 2?", "completion": f" {at + 2}", "source": "x"} for at in range(5)]
BAD: list[dict[str, Any]] = [{"prompt": "a", "completion": " "}]


def test_rows_keep_what_the_trainer_reads_and_count_the_rest(tmp_path: Path) -> None:
    found = check_rows([*SFT, *BAD], SftRecipe())
    assert found.rows[0] == {"prompt": "0 and 2?", "completion": " 2"}
    assert (len(found.rows), found.left_out) == (5, {"a text is empty": 1})
    path = tmp_path / "rows.jsonl"
    renamed = [{"q": row["prompt"], "completion": row["completion"]} for row in [*SFT, *BAD]]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in renamed))
    assert check_rows(path, SftRecipe(), {"prompt": "q"}) == found
    with pytest.raises(DataError, match=r"rows\.jsonl:1: field 'prompt': is missing"):
        check_rows(path, SftRecipe())


def test_rows_that_lack_a_column_or_are_none_are_told() -> None:
    with pytest.raises(DataError, match="row 2: field 'value': is missing"):
        check_rows([{"prompt": "a", "completion": "b", "value": 1}, {"prompt": "a", "completion": "b"}], ValueRecipe())
    with pytest.raises(DataError, match=r"no preference row to train on \(there is none\)"):
        check_rows([], DpoRecipe())
    with pytest.raises(DataError, match=r"no sft row to train on \(1: a text is empty\)"):
        check_rows(BAD, SftRecipe())


def test_prompts_alone_are_rows_of_grpo() -> None:
    found = check_rows([{"prompt": "a", "answer": 3}, {"prompt": " "}], GrpoRecipe())
    assert (found.rows, found.left_out) == ([{"prompt": "a", "answer": 3}], {"a text is empty": 1})
    with pytest.raises(DataError, match="row 1: field 'prompt'"):
        check_rows([{"question": "a"}], GrpoRecipe())


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(UsageError, match="sft training has no reference"):
        gather(SftRecipe(), SFT, "transformers:x", "transformers:y", None)
    with pytest.raises(UsageError, match="needs reward functions"):
        gather(GrpoRecipe(), [{"prompt": "a"}], "transformers:x", None, None)
    with pytest.raises(UsageError, match="reward functions are grpo's"):
        gather(SftRecipe(), SFT, "transformers:x", None, None, rewards=[len])


@pytest.mark.skipif(util.find_spec("trl") is not None, reason="needs an environment without the extra train")
def test_what_is_not_installed_is_told_after_the_rows_were_read(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="is not installed") as raised:
        train(SftRecipe(), SFT, "transformers:x", tmp_path / "out")
    assert raised.value.hint == "pip install 'dikast[train]'"
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="a text is empty"):
        train(SftRecipe(), BAD, "transformers:x", tmp_path / "out")


@pytest.mark.parametrize(
    ("rows", "given", "steps"),
    [
        (12, {}, 3),
        (13, {}, 4),
        (13, {"accumulation": 3}, 2),
        (13, {"epochs": 1.5}, 6),
        (13, {"processes": 2}, 2),
        (1, {"epochs": 0.1}, 1),
        (13, {"steps": 7, "epochs": 100}, 7),
    ],
)
def test_steps_of_a_plan(rows: int, given: dict[str, Any], steps: int) -> None:
    told = plan_of(SftRecipe(**given), Checked([{"prompt": "a", "completion": " b"}] * rows, {}), speaker(), 100)
    assert told.steps == steps
    assert (told.rows, told.tokens) == (rows, 3 * rows)


def test_steps_of_groups() -> None:
    assert steps_of(GrpoRecipe(group=4, batch_size=8), 6) == 3


def test_a_plan_counts_all_that_is_left_out() -> None:
    checked = Checked(
        [{"prompt": "a", "completion": " b c"}, {"prompt": "a", "completion": " b"}], {"a text is empty": 2}
    )
    told = plan_of(SftRecipe(), checked, speaker(), 3)
    assert (told.rows, told.left_out) == (1, {"a text is empty": 2, "longer than allowed": 1})
    with pytest.raises(DataError, match=r"2: a text is empty; 2: longer than allowed"):
        plan_of(SftRecipe(), checked, speaker(), 2)


def inputs(spec: str = "transformers:base", recipe: Any = None, **base: Any) -> Inputs:
    made = Base(spec, "base", Path("base"), weights="sha256:1", **base)
    return Inputs(recipe or SftRecipe(), Checked(SFT, {}), (), made, None, {})


def test_fingerprint_is_of_what_decides_the_weights() -> None:
    told = inputs().fingerprint()
    assert inputs(recipe=SftRecipe(save_every=3, checkpoints=9)).fingerprint() == told
    assert inputs("transformers:elsewhere").fingerprint() == told
    assert inputs(recipe=SftRecipe(seed=1)).fingerprint() != told
    assert inputs(recipe=RewardRecipe()).fingerprint() != told
    assert inputs(adapter="sha256:2").fingerprint() != told
    assert inputs(template={"enable_thinking": False}).fingerprint() != told


def test_spec_of_what_was_trained_keeps_the_models_options() -> None:
    kept = inputs("transformers:base?lora=old&max_tokens=64&template=%7B%22a%22%3A1%7D")
    assert (
        opens(kept, Path("out/adapter")) == "transformers:base?lora=out/adapter&max_tokens=64&template=%7B%22a%22:1%7D"
    )
    assert opens(inputs(), Path("out/adapter")) == "transformers:base?lora=out/adapter"
    assert opens(inputs(recipe=SftRecipe(lora_rank=0)), Path("out/model")) == "transformers:out/model"
    assert opens(inputs(recipe=ValueRecipe()), Path("out/model")) == "transformers:out/model"


def test_a_folder_is_one_trainings_and_nobody_elses(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with open_training(out, {"a": 1}, force_new=False) as manifest:
        assert manifest == {}
        with pytest.raises(UsageError, match="is being written by"), open_training(out, {"a": 1}, force_new=False):
            pass
    assert not out.exists()  # nothing came of it
    with open_training(out, {"a": 1}, force_new=False):
        write_training(out, {"training": "sft", "fingerprint": {"a": 1, "b": "c" * 64}})
    with pytest.raises(ResumeMismatchError, match="a was 1, is now 2, and 1 more: b"):
        open_training(out, {"a": 2}, force_new=False).__enter__()
    with pytest.raises(ResumeMismatchError, match="the content of b has changed"):
        open_training(out, {"a": 1, "b": "d" * 64}, force_new=False).__enter__()
    with open_training(out, {"a": 2}, force_new=True) as manifest:
        assert manifest == {}
        assert read_training(tmp_path / "out.old-1")["fingerprint"]["a"] == 1


def test_folders_of_something_else_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"holds 'thesis\.tex'"):
        open_training(tmp_path, {}, force_new=True).__enter__()
    run = tmp_path / "run"
    run.mkdir()
    (run / "manifest.json").write_text('{"graph": "x"}')
    for force in (False, True):
        with pytest.raises(UsageError, match="its manifest is another's"):
            open_training(run, {}, force_new=force).__enter__()
    (run / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        open_training(run, {}, force_new=False).__enter__()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "thesis.tex"]


def test_only_whole_checkpoints_are_gone_on_from(tmp_path: Path) -> None:
    assert last_sealed(tmp_path / "none") is None
    for step in (5, 20, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "weights").write_text("x")
    seal(tmp_path / "checkpoint-5")
    seal(tmp_path / "checkpoint-20")
    found = last_sealed(tmp_path)
    assert (found, step_of(found), step_of(None)) == (tmp_path / "checkpoint-20", 20, 0)
    assert not (tmp_path / "checkpoint-100").exists()


@pytest.mark.parametrize("figures", [{"loss": float("nan")}, {"loss": 1.0, "grad_norm": float("inf")}])
def test_divergence_is_told(figures: dict[str, float]) -> None:
    refuse_diverged({"loss": 1.0, "grad_norm": 2.0}, 3)
    with pytest.raises(Exception, match=r"diverged: \w+ is (nan|inf) at step 3"):
        refuse_diverged(figures, 3)


def test_what_another_process_said_is_said_here(tmp_path: Path) -> None:
    done = {"steps": 3, "tokens": 9, "first_loss": 2.0, "loss": 1.0, "held_loss": None}
    (tmp_path / "done.json").write_text(json.dumps(done))
    assert outcome(tmp_path, 0) == Done(3, 9, 2.0, 1.0, None)
    said = {"error": "ModelUnavailable", "message": "cannot open x", "hint": "do y"}
    (tmp_path / "done.json").write_text(json.dumps(said))
    with pytest.raises(ModelUnavailable, match="cannot open x") as raised:
        outcome(tmp_path, 4)
    assert (raised.value.hint, raised.value.exit_code) == ("do y", 4)
    (tmp_path / "done.json").unlink()
    (tmp_path / "log.txt").write_text("much\nSegmentation fault\n")
    with pytest.raises(TrainingError, match="ended with -11: much Segmentation fault") as ended:
        outcome(tmp_path, -11)
    assert "log.txt" in ended.value.hint


def test_steps_of_other_processes_are_told_once(tmp_path: Path) -> None:
    job = Job(SftRecipe(), inputs().base, None, (), (), tmp_path, steps=9)
    (tmp_path / "checkpoints" / "checkpoint-1").mkdir(parents=True)
    seal(tmp_path / "checkpoints" / "checkpoint-1")
    code = (
        "import sys, time, pathlib\npath = pathlib.Path(sys.argv[1])\n"
        "for step in (1, 2, 3):\n    path.open('a').write('{\"step\": %d}\\n' % step)\n    time.sleep(0.1)"
    )
    seen: list[Any] = []
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "losses.jsonl")], start_new_session=True)
    follow(process, job, seen.append)
    assert seen == [{"step": 2, "steps": 9}, {"step": 3, "steps": 9}]

    def stop_it(_: Any) -> None:
        raise KeyboardInterrupt

    lasting = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(lasting, start_new_session=True)
    with pytest.raises(KeyboardInterrupt):
        follow(process, job, stop_it)
    stop(process)
    assert process.returncode == -signal.SIGTERM


def test_an_adapter_says_whose_it_is(tmp_path: Path) -> None:
    check_base(tmp_path, "sha256:1")  # it says nothing
    (tmp_path / "base.json").write_text('{"weights": "sha256:1"}')
    check_base(tmp_path, "sha256:1")
    with pytest.raises(UsageError, match="another base model"):
        check_base(tmp_path, "sha256:2")
    (tmp_path / "base.json").write_text("[]")
    with pytest.raises(DataError, match="is damaged"):
        check_base(tmp_path, "sha256:1")


def test_a_card_tells_figures_and_no_text() -> None:
    told = inputs()
    manifest = {
        "training": "sft",
        "fingerprint": told.fingerprint(),
        "recipe": told.recipe.model_dump(mode="json"),
        "rows": 5,
        "left_out": {"a text is empty": 1},
        "attempts": [{"versions": {"trl": "1.16.0"}}],
        "finished": {
            "steps": 3,
            "tokens": 15,
            "seconds": 1.0,
            "first_loss": 2.0,
            "loss": 1.0,
            "digest": "sha256:9",
            "held_loss": 1.5,
        },
    }
    drawn = str(card(manifest))
    for expected in ("sha256:1", "sha256:9", "1: a text is empty", "2.0000, 1.0000", "1.16.0", "learning_rate"):
        assert expected in drawn
    assert "and 2?" not in drawn
