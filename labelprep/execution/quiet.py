"""Dask's own messages kept off stderr; what matters comes back as an error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dask

LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "asyncio")
CONFIG = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}  # a batch may have some megabytes


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Dask's loggers and warnings in this process, and puts them back."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with dask.config.set(CONFIG):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
