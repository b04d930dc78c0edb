"""Other tools' files, read and written: one module a tool, `columns` for a user's own files."""
