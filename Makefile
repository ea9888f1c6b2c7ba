# `make check` is the whole CI.
.PHONY: check lint test

check: lint test

lint:
	ruff format --check .
	ruff check .
	mypy

test:
	python -m pytest
