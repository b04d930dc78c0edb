"""A causal model of 90,000 parameters and its tokenizer, made offline from a seed: for tests that need a real one.

    folder = make(tmp_path / "tiny")
    adapter = make_adapter(folder, tmp_path / "adapter", seed=1)
    head = make_head(folder, tmp_path / "head")         # a value head; of any model's folder

It speaks in the sixteen words of the loopback server, whatever is asked, in an order that depends on all of the prompt:
the rows of its output layer for other tokens are zero. All of ASCII is in the vocabulary, letter by letter. The chat
template has `{% generation %}`, which marks what an assistant's turn is to be trained on.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tests.loopback import VOCABULARY

CONTEXT, WIDTH, LAYERS = 2048, 48, 2
END = "<|im_end|>"
SPECIAL = ("<|endoftext|>", "<|im_start|>", END)
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPREAD = 0.25
"""Standard deviation of the weights: large enough that attention changes what is said."""
LOUD = 0.7
"""Of the output layer's rows for words; a draw at temperature 1 then takes one of a few."""


def make(folder: Path, seed: int = 0, layers: int = LAYERS, width: int = WIDTH) -> Path:
    """Write the model; the same seed gives the same one."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.convert_tokens_to_ids(SPECIAL[0]),
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(SPECIAL[0]),
    )
    draw = torch.Generator().manual_seed(seed)
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" not in name:
                weight.copy_(torch.randn(weight.shape, generator=draw) * SPREAD)
        spoken = [tokenizer.convert_tokens_to_ids(f"\u0120{word}") for word in VOCABULARY]
        head = torch.zeros(model.lm_head.weight.shape)
        head[spoken] = torch.randn((len(spoken), width), generator=draw) * LOUD
        model.lm_head.weight.copy_(head)
    model.save_pretrained(folder)
    return folder


def make_tokenizer() -> Any:
    """Byte-level: letters, and the words with the space before them."""
    tokenizers: Any = import_module("tokenizers")
    transformers: Any = import_module("transformers")
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *letters])}
    merges: list[tuple[str, str]] = []
    for word in VOCABULARY:
        made = "\u0120"
        for letter in word:
            if (made, letter) not in merges:
                merges.append((made, letter))
            made += letter
            vocabulary.setdefault(made, len(vocabulary))
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token=END,
        pad_token=SPECIAL[0],
        additional_special_tokens=[SPECIAL[1]],
        chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def make_adapter(folder: Path, adapter: Path, seed: int = 0, spread: float = 0.3) -> Path:
    """Write a LoRA adapter for a model, with random numbers large enough to change what it says."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    peft: Any = import_module("peft")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    config = peft.LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, config)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn(weight.shape, generator=draw) * spread)
    adapted.save_pretrained(adapter)
    return adapter


def make_head(folder: Path, head: Path, seed: int = 0, labels: int = 1) -> Path:
    """Write a model of a folder with a head of random weights in place of its output layer."""
    torch: Any = import_module("torch")
    transformers: Any = import_module("transformers")
    torch.manual_seed(seed)
    kind, tokenizer = transformers.AutoModelForSequenceClassification, transformers.AutoTokenizer
    model = kind.from_pretrained(folder, num_labels=labels, dtype="float32", problem_type="regression")
    model.config.pad_token_id = 0
    with torch.no_grad():
        model.score.weight.normal_(std=SPREAD)
    model.save_pretrained(head)
    tokenizer.from_pretrained(folder).save_pretrained(head)
    return head
