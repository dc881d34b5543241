"""Extensions of Sphinx for this site; `make docs` needs them, the package does not."""
