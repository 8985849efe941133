"""``pipeline show``: an image of the training or test set in the terminal, and the network's prediction.

It may import what other commands may, and no other command's folder.
"""
