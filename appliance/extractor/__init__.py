"""The process that reads one uploaded file and ends: bytes in, text out; no network, no files."""
