"""A module that ends the process that imports it, as the kernel does when memory is gone."""

import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
