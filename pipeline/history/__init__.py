"""What happened: how an artifact came to be, how two runs differ, whether the stored results are intact.

May import: execution and all below it.
"""
