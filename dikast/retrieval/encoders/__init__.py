"""Text encoders: in this process, behind a server, scripted."""
