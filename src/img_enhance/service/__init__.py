"""The web service: an API that keeps every job it has accepted.

Three kinds of processes: the API, which decodes nothing and computes nothing; readers, which look at what strangers send within tight
limits; and workers, which own an Engine each.
"""
