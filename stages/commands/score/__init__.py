"""``pipeline score``: how well a submission does by answers that are known.

It may import what other commands may, and no other command's folder.
"""
