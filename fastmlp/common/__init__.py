"""What every part may use: frozen parameters, lookup of names, warnings."""
