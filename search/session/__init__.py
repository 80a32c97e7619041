"""One driver's share of a sweep: from what is on disk, through an executor, back to disk.

How trials are run is not here, nor what one computes, nor how rows become files.
"""
