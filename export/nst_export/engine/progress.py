"""Progress of a build, and its stop: TensorRT asks after every step whether to go on."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import TYPE_CHECKING

from nst_export.progress import Progress

if TYPE_CHECKING:
    import tensorrt as trt


class Steps:
    """Nested phases, each of a known number of steps, as one share of the work."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()  # TensorRT reports phases from several threads
        self._parents: dict[str, str | None] = {}
        self._steps: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._share = 0.0
        self._failure: BaseException | None = None
        self.stopped = threading.Event()

    def begin(self, phase: str, parent: str | None, steps: int) -> None:
        """Note that a phase begins inside another."""
        with self._lock:
            self._parents[phase], self._steps[phase], self._done[phase] = parent, max(1, steps), 0
            self._tell(phase)

    def end(self, phase: str) -> None:
        """Note that a phase is over; its parent counts it as a step of its own."""
        with self._lock:
            parent = self._parents.pop(phase, None)
            if parent is None:
                self._share = 1.0
            self._tell(phase)

    def step(self, phase: str, index: int) -> bool:
        """Note that step `index` of a phase is over; return whether to go on."""
        with self._lock:
            self._done[phase] = index + 1
            self._tell(phase)
        return not self.stopped.is_set()

    def raise_failure(self) -> None:
        """Raise what the progress callback raised: it must not pass through TensorRT."""
        if self._failure is not None:
            raise self._failure

    def _tell(self, phase: str) -> None:
        roots = [name for name, parent in self._parents.items() if parent not in self._parents]
        self._share = max(self._share, *map(self._of, roots), 0.0)
        try:
            self._progress(self._share, phase)
        except BaseException as error:
            self._failure = error
            self.stopped.set()

    def _of(self, phase: str) -> float:
        inside = [self._of(name) for name, parent in self._parents.items() if parent == phase]
        return min(1.0, (self._done[phase] + min(1.0, sum(inside))) / self._steps[phase])


def monitor_of(trt: ModuleType, steps: Steps) -> trt.IProgressMonitor:
    """Return the monitor that TensorRT reports its progress to."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            steps.begin(phase_name, parent_phase, num_steps)

        def phase_finish(self, phase_name: str) -> None:
            steps.end(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            return steps.step(phase_name, step)

    return Monitor()
