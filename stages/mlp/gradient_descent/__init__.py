"""A step of gradient descent: the loss, its gradient by backpropagation, the optimisers, the learning rate schedules.

May import: NumPy, layers, and the files of stages/mlp from arrays.py up to network.py.
"""
