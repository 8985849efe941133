"""``pipeline show``: an image of the training or test set in the terminal, and the network's prediction."""
