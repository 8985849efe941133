"""How a network learns: the step, the loss, the optimiser, the schedule, and the epochs around them.

May import: NumPy, layers, network.py, and parallel for what is shared between replicas.
"""
