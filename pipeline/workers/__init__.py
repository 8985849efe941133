"""Where independent jobs are done: in processes of this machine, or on a Dask cluster.

May import: store, fingerprint, and stage, config, errors.
"""
