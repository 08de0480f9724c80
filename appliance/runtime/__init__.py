"""The model process: schedule -> run -> postprocess. No network, no database, no keys, no disk writes."""
