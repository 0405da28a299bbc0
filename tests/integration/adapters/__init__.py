"""The adapters of everything else."""
