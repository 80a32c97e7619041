"""What people ask of a sweep, a function for each question: numbers first, and a figure.

standing     which settings are best, and by how much better than each baseline
steps        which steps are kept, why the others are not, and where batches end up
edits        how metrics move as edits arrive, and what becomes of early ones
tradeoff     efficacy, paraphrases and neighbors against each other
importance   which settings matter, how surely, and where that holds
parameters   where the good values of settings lie
confirming   what a confirmation leaves of the best lead
comparison   whether settings, or sweeps, differ by more than chance
stopping     what ASHA stopped where, and what that cost
probing      whether more probe prompts would be worth their time
cost         what the sweep cost: states, seconds, regret
trust        what the trust gate saw

Nothing here reads a file or writes one.
"""
