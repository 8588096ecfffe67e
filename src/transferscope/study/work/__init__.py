"""The code behind the kinds of steps: what each does with its inputs and where it puts what comes out."""
