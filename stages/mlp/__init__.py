"""The network in plain NumPy: layers, losses, optimisers, schedules, augmentation, fit, save and load."""
