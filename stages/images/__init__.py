"""A picture of any kind becomes an input of the network, and an image becomes text in a terminal."""
