"""All that a person sees in the terminal: progress, tables, what each command prints.

May import: sweep, history, execution and all below them.
"""
