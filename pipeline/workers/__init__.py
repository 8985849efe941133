"""Who does independent jobs: processes of this machine, or a Dask cluster.

May import: store, fingerprint, and stage, config, errors.
"""
