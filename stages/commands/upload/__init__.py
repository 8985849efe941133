"""``pipeline upload``: the submission to Kaggle, and its public score back.

It may import what other commands may, and no other command's folder.
"""
