"""Outside suites that apply, run against this project: `python -m conformance [--out file.json]`.

A suite is a module with `run() -> Tally`; `conformance/__main__.py` lists them.
"""
