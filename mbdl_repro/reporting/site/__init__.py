"""The pages of the documentation that are made of experiments, methods and results."""
