"""``pipeline score``: the accuracy of a submission, by known answers.

It may import what other commands may, and no other command's folder.
"""
