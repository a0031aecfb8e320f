"""How well angles can be estimated: Cramér–Rao and genie-aided bounds, and theory of methods."""
