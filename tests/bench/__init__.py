"""`make bench`: the job beside a plain script on the same sandbox, and what it costs to do nothing.

It measures and prints; what it checks is that both submitted everything, and the same.
"""
