"""How a network learns: the step, the loss, the optimiser, the schedule, and the epochs around them.

May import: NumPy, the files of stages/mlp beside the rooms, layers, and parallel for what replicas share.
"""
