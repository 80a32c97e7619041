"""What the commands do, as functions: for programs and notebooks, and for the command line.

`ratchet` names them, and a watch is told how far they are. Each checks what it is given before it
imports anything heavy. Nothing here prints.
"""
