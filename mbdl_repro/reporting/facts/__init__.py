"""What there is to say of experiments, methods and claims, and nothing of how it is shown.

:class:`~mbdl_repro.reporting.facts.book.Facts` is where to begin: it returns plain records of one
experiment, one method, one comparison, one claim, of which any kind of page can be made.
"""
