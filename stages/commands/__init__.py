"""The commands that work on images, one folder each. The engine has its own in ``pipeline.cli``.

A command may import all stages, and the parts of the engine that read results, but no other command's folder. What two
commands use is in a file beside the folders. Heavy libraries are imported inside functions.
"""
