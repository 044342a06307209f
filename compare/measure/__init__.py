"""Numbers with errors, from data in the layout."""
