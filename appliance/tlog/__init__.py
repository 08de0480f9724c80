"""The log's format, pure: Merkle tree, tiles, signed notes, checkpoints. Imports nothing of ours."""
