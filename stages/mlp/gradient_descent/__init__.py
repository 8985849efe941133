"""One step of gradient descent: the loss, its gradient by backpropagation, the optimiser, and the learning rate.

May import: NumPy, layers, and the files of stages/mlp from arrays.py up to network.py.
"""
