"""What every room shares: errors that name their cure, files that are complete or absent, progress."""
