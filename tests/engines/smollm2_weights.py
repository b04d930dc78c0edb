"""SmolLM2's GGUF as a safetensors folder that vLLM can open: `python smollm2_weights.py FILE.gguf FOLDER`.

Run in the lane's environment. The weights are the 4-bit ones, unpacked to float32 by transformers.
"""

from __future__ import annotations

import sys
from pathlib import Path


def unpack(gguf: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    place, config = str(gguf.parent), GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        place, gguf_file=gguf.name, dtype="float32", quantization_config=config
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(place, gguf_file=gguf.name).save_pretrained(folder)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
