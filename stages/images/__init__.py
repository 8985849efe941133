"""Pictures: a PNG or JPEG of any kind becomes an input of the network; an image becomes text in a terminal.

It may import ``stages.shared``, and no stage.
"""
