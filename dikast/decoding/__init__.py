"""What acts inside an engine, or close above it, while tokens are made."""
