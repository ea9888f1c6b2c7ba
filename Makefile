# `make check` is the whole CI.
.PHONY: check docs lint test

check: lint test

lint:
	ruff format --check .
	ruff check .
	mypy

docs:
	python -m sphinx -b html -W --keep-going docs build/site

test:
	python -m pytest -n 2
