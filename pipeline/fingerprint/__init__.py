"""What is the same: values, files, source code and libraries, each with a digest or a version.

May import: the files beside the rooms.
"""
