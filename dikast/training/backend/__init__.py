"""What trains: torch, transformers, TRL, PEFT and accelerate, wrapped here and imported when a training starts."""
