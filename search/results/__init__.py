"""A sweep's truth on disk: what was proposed, what ended, who may write, how far it has got.

parts          files that appear whole or not at all, in a local folder
objects        the same on an object store, and writes under conditions
object_folder  a folder that is a prefix in a bucket
places         which kind of folder an address means
log            rows in, flushes out
compaction     many parts into one, whatever happens meanwhile
recovery       what a killed driver left: cleaned up, and read for the next one
taking_back    the rows of trials that are to be run again
lock           one driver per sweep
staleness      when another driver's lock may be taken over
claim          what a lock says; file_claim, object_claim: how one is taken; lock_file: its files
progress       a glance at a running sweep

Nothing here knows what a trial computes, or which is the better one.
"""
