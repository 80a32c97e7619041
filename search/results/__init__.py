"""A sweep's truth on disk: what was proposed, what ended, who may write, how far it has got.

parts        files that appear whole or not at all, in a local folder
object_folder  the same in a bucket
places       which of both an address means
log          rows in, flushes out
compaction   many parts into one, whatever happens meanwhile
recovery     what a killed driver left: cleaned up, and read for the next one
lock         one driver per sweep
progress     a glance at a running sweep
"""
