"""The web process's side of the model: frames to the runtime, and which models there are."""
