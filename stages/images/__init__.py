"""Images: pictures become inputs of the network, images are warped and deskewed, or become text in a terminal.

It may import ``stages.shared``, and no stage.
"""
