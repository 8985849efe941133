"""``pipeline score``: the accuracy of a submission, by known answers."""
