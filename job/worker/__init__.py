"""What runs inside a model process: loads one model at a time, predicts, writes a CSV.

It stands alone: it is run by path (`PYTHON -I job/worker/__main__.py ...`) in any interpreter from
Python 3.10 on that has pandas and pyarrow, and imports nothing of the job that started it. The
parent's side is `job.workers`.
"""
