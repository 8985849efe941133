"""What happened: how an artifact came to be, in what two runs differ, whether what is stored is sound.

May import: execution and all below it.
"""
