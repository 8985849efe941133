"""The network, or several, trained on the training rows."""
