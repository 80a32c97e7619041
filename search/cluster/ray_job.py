"""The job that a driver is to Ray: from where its workers import first."""

from __future__ import annotations

from ray.job_config import JobConfig

from search import HOME


class OwnPaths(JobConfig):
    """A job whose workers find our packages first, and nothing else of the driver's folders."""

    def __init__(self) -> None:
        super().__init__(_py_driver_sys_path=[HOME])

    def _runtime_env_has_working_dir(self) -> bool:
        """Say so, with which Ray adds no folders."""
        return True
