"""Chained stages: what needs what, what is up to date and why not, and the run itself.

`Chain` is a spec with its folders filled in; `Runner` plans and runs it; the record of what was done lies in
`<run folder>/.labelprep/run.lock.json`.
"""

from labelprep.pipeline.chain import Chain
from labelprep.pipeline.outcome import Outcome, Step
from labelprep.pipeline.runner import Runner

__all__ = ["Chain", "Outcome", "Runner", "Step"]
