"""What the stages share: checks of files, JSON documents, Parquet tables, names of arrays, words of messages.

It imports none of our rooms but the engine's ``errors``, ``stage`` and ``task``.
"""
