"""The commands that speak of images; the engine's own are in pipeline/cli.py. Heavy imports wait for the call."""
