"""A Hugging Face causal model inside this process, on the CPU or a GPU."""
