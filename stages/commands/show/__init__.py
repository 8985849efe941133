"""``pipeline show``: an image of the training or test set in the terminal, and what the network says of it.

It may import what other commands may, and no other command's folder.
"""
