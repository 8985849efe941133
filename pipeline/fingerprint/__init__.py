"""What is the same: values, files and source code, each with a digest of its meaning.

May import: stage, config, errors.
"""
