"""Numerai over HTTP: the only package that speaks GraphQL, presigned URLs, and numerapi.

`adapter` obeys `job.tournament.Tournament`; the rest of the job knows nothing of what is in here.
Nothing is imported by this file, since numerapi brings pandas along.
"""
