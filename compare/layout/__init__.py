"""The datasets, how they meet, and how they are kept."""
