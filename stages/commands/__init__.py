"""The commands that speak of images. The engine has its own in pipeline/cli. Heavy imports wait for the call."""
