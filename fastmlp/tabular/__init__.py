"""Networks for tables: numbers and categories as they come, recipes that were tuned on many data sets, ensembles."""
