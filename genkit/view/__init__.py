"""Looking at results: pages and sheets that lie on the disk and need nothing else."""
