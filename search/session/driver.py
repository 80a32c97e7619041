"""What a command holds while it works on a sweep: the lock, and how it waits, reports and ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from search.cluster.interrupts import GRACE_SECONDS, Interrupts, interruptible
from search.cluster.retrying import GIVE_UP_AFTER, Retrying, require_give_up_after
from search.config.settings import SweepConfig
from search.executors.executor import Executor
from search.results.lock import SweepLock
from search.results.parts import ResultsFolder
from search.session.watch import Watch


@dataclass(frozen=True)
class Options:
    """How a command works on a sweep; no result depends on it."""

    watch: Watch = field(default_factory=Watch)
    """Told about progress."""
    verbose: bool = False
    """Whether libraries may talk."""
    in_process: bool = False
    """Whether trials run in this process, one after the other and without Ray."""
    wait_for_lock: float = 0.0
    """Seconds to wait for another driver to end."""
    give_up_after: float = GIVE_UP_AFTER
    """Seconds for which the folder's place may fail once trials run."""


AS_USUAL = Options()


@dataclass(frozen=True)
class Driver:
    """The one command that may write to a sweep."""

    results: ResultsFolder
    """The sweep's folder."""
    lock: SweepLock
    """Keeps other commands out."""
    interrupts: Interrupts
    """Signals that ask it to stop."""
    retrying: Retrying
    """Tries the folder's place again where it refuses something, once trials run."""
    options: Options
    """How it works."""

    def executor(self, config: SweepConfig) -> Executor:
        """What runs a sweep's trials; each imports what the other does without."""
        if self.options.in_process:
            from search.executors.in_process import InProcess

            return InProcess(config, self.interrupts)
        from search.tune.executor import RayTune

        return RayTune(config, self.interrupts, self.options.verbose)


@contextmanager
def driving(results: ResultsFolder, options: Options) -> Iterator[Driver]:
    """Hold a sweep's lock inside, and turn signals into `SweepInterrupted`.

    Args:
        results: the sweep's folder; it exists.
        options: how the command works.

    Raises:
        SweepLocked: another driver holds the lock.
        InputError: `give_up_after` is not a time that a command can wait.
    """
    require_give_up_after(options.give_up_after)
    with interruptible() as interrupts, ExitStack() as stack:
        # Whoever is interrupted with the lock half taken, or half released, leaves it behind.
        with interrupts.held(GRACE_SECONDS):
            lock = SweepLock(results, options.wait_for_lock, pause=interrupts.pause)
            stack.enter_context(lock)
            stack.callback(interrupts.hold)
        interrupts.check()
        retrying = Retrying(options.give_up_after, interrupts)
        yield Driver(results, lock, interrupts, retrying, options)
