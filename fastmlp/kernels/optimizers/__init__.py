"""Update rules, penalties and proximal steps."""
