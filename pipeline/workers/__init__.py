"""Where independent jobs are done: in processes of this machine, or on a Dask cluster.

May import: fingerprint, and the files beside the rooms.
"""
