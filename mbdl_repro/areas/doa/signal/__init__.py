"""From snapshots to angles: covariances, subspaces, spectra, roots, and the number of sources."""
