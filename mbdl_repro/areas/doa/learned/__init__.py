"""What learned methods share: a network that makes a covariance, and its losses."""
