"""What `dlonflink doctor` looks at: everything a run needs of the machine, before there is a run.

Each module looks at one thing, and yields `Finding`s: pure data, which the command prints. They are loaded one by one
(`examination`), for a package that is missing is what a doctor must be able to say.
"""
