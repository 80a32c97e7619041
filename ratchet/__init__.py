"""Hyperparameter search for greedy knowledge editing of language models: what people import.

    import ratchet

    ratchet.run(ratchet.Config.from_values({"search.trials": 64}), "results/first")
    ratchet.load("results/first").trials

Nothing here does anything: these are names of what other packages have, looked up at first use.
`import ratchet` loads neither torch nor Ray nor pandas.
"""

from importlib import import_module

TYPE_CHECKING = False  # `typing` could be a file of the working directory, under `python -m`
if TYPE_CHECKING:
    import analysis
    from analysis.errors import ResultsError, StorageError, SweepNotFound
    from analysis.judging.verdict import Verdict
    from analysis.tables.sweep import Sweep, load
    from greedy_core import factworld
    from greedy_core.errors import (
        BaseModelChanged,
        CorpusError,
        InputError,
        MetricError,
        ModelError,
        NumericalError,
        RatchetError,
        RecordsError,
        SettingsError,
        TooManySolves,
    )
    from greedy_core.progress import Progress
    from greedy_core.walk.edit import EditResult
    from search.commands.edit import edit
    from search.commands.looking import best, check, resolved, status
    from search.commands.results import export, report
    from search.commands.sweeps import ConfirmOutcome, confirm, extend, resume, run
    from search.config.reader import ConfigError
    from search.config.settings import SweepConfig as Config
    from search.errors import (
        LockLost,
        NoCluster,
        NoTemporaryFolder,
        OnlyFailures,
        OutOfMemory,
        PreparationFailed,
        RayNotStarted,
        SweepExists,
        SweepInterrupted,
        SweepLocked,
    )
    from search.session.run import Outcome
    from search.session.tally import Tally
    from search.session.watch import Watch
    from search.sweep.checkup import Checkup
    from search.sweep.status import Status
    from search.tune.trainable import GreedyEditTrainable

    __version__: str

__all__ = [
    "BaseModelChanged",
    "Checkup",
    "Config",
    "ConfigError",
    "ConfirmOutcome",
    "CorpusError",
    "EditResult",
    "GreedyEditTrainable",
    "InputError",
    "LockLost",
    "MetricError",
    "ModelError",
    "NoCluster",
    "NoTemporaryFolder",
    "NumericalError",
    "OnlyFailures",
    "OutOfMemory",
    "Outcome",
    "PreparationFailed",
    "Progress",
    "RatchetError",
    "RayNotStarted",
    "RecordsError",
    "ResultsError",
    "SettingsError",
    "Status",
    "StorageError",
    "Sweep",
    "SweepExists",
    "SweepInterrupted",
    "SweepLocked",
    "SweepNotFound",
    "Tally",
    "TooManySolves",
    "Verdict",
    "Watch",
    "__version__",
    "analysis",
    "best",
    "check",
    "confirm",
    "edit",
    "export",
    "extend",
    "factworld",
    "load",
    "report",
    "resolved",
    "resume",
    "run",
    "status",
]

_HOME = {
    "BaseModelChanged": "greedy_core.errors",
    "Checkup": "search.sweep.checkup",
    "Config": "search.config.settings",
    "ConfigError": "search.config.reader",
    "ConfirmOutcome": "search.commands.sweeps",
    "CorpusError": "greedy_core.errors",
    "EditResult": "greedy_core.walk.edit",
    "GreedyEditTrainable": "search.tune.trainable",
    "InputError": "greedy_core.errors",
    "LockLost": "search.errors",
    "MetricError": "greedy_core.errors",
    "ModelError": "greedy_core.errors",
    "NoCluster": "search.errors",
    "NoTemporaryFolder": "search.errors",
    "NumericalError": "greedy_core.errors",
    "OnlyFailures": "search.errors",
    "OutOfMemory": "search.errors",
    "Outcome": "search.session.run",
    "PreparationFailed": "search.errors",
    "Progress": "greedy_core.progress",
    "RatchetError": "greedy_core.errors",
    "RayNotStarted": "search.errors",
    "RecordsError": "greedy_core.errors",
    "ResultsError": "analysis.errors",
    "SettingsError": "greedy_core.errors",
    "Status": "search.sweep.status",
    "StorageError": "analysis.errors",
    "Sweep": "analysis.tables.sweep",
    "SweepExists": "search.errors",
    "SweepInterrupted": "search.errors",
    "SweepLocked": "search.errors",
    "SweepNotFound": "analysis.errors",
    "Tally": "search.session.tally",
    "TooManySolves": "greedy_core.errors",
    "Verdict": "analysis.judging.verdict",
    "Watch": "search.session.watch",
    "best": "search.commands.looking",
    "check": "search.commands.looking",
    "confirm": "search.commands.sweeps",
    "edit": "search.commands.edit",
    "export": "search.commands.results",
    "extend": "search.commands.sweeps",
    "load": "analysis.tables.sweep",
    "report": "search.commands.results",
    "resolved": "search.commands.looking",
    "resume": "search.commands.sweeps",
    "run": "search.commands.sweeps",
    "status": "search.commands.looking",
}
"""The module that each function and class is in."""
_OTHERWISE = {"Config": "SweepConfig"}
"""Its name there, where that differs."""
_MODULES = {"analysis": "analysis", "factworld": "greedy_core.factworld"}


if not TYPE_CHECKING:  # which would take any name for one of these

    def __getattr__(name: str):
        if name == "__version__":
            from importlib.metadata import version

            return version("ratchet-tune")
        module = _MODULES.get(name) or _HOME.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import search

        found = import_module(search.UNDER + module)
        return found if name in _MODULES else getattr(found, _OTHERWISE.get(name, name))


def __dir__() -> list[str]:
    return __all__
