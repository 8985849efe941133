"""Images: pictures become inputs of the network, training images are warped, and images become text in a terminal.

It may import ``stages.shared``, and no stage.
"""
