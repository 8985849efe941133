"""The commands that speak of images, one folder each. The engine has its own in ``pipeline.cli``.

They may import all stages, and the engine as far as it reads results, but no other command's folder; what two of
them use stands beside the folders. Heavy imports wait for the call.
"""
