"""The commands that speak of images: fetch, predict, show. The engine has its own in ``pipeline.cli``.

They may import all stages, and the engine as far as it reads results. Heavy imports wait for the call.
"""
