"""What is the same: values, files, source code and libraries, each with a digest or a version.

May import: stage, config, errors.
"""
