"""``pipeline fetch``: a competition's files into data/.

It may import what other commands may, and no other command's folder.
"""
