"""A long job beside the notebook: it tells how far it is, and stops when it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """Runs one function on a thread of its own.

    Args:
        job: takes an event that is set when it should stop.
        finished: takes what went wrong, or None; it is called on that thread at the end, whatever happens.
    """

    def __init__(self, job: Callable[[threading.Event], None], finished: Callable[[Exception | None], None]) -> None:
        self._job, self._finished = job, finished
        self._cancel = threading.Event()
        self._over = threading.Event()  # Python 3.11 takes a thread for ended once Ctrl-C has interrupted its join
        self._thread = threading.Thread(target=self._work, name="effv2viz", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return not self._over.is_set()

    def cancel(self) -> None:
        """Asks it to stop; returns at once."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> None:
        """Waits for its end. Ctrl-C stops it.

        Raises:
            TimeoutError: if it takes longer than so many seconds; it goes on.
        """
        try:
            self._over.wait(timeout)
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self.running:
            raise TimeoutError(f"still running after {timeout} s: wait longer, or cancel()")

    def _work(self) -> None:
        error = None
        try:
            self._job(self._cancel)
        except Exception as failure:
            error = failure
        try:
            self._finished(error)
        finally:
            self._over.set()
