"""A job beside the notebook, and a Ctrl-C while a cell waits for it."""

import signal
import threading
import time

import pytest

from effv2viz.widgets.worker import Worker


def test_after_an_interrupt_waiting_still_lasts_until_the_end():
    seen = []
    waits = threading.Event()

    def job(cancel):
        waits.wait(10)
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        assert cancel.wait(10)
        time.sleep(0.3)  # the forward that is under way

    worker = Worker(job, seen.append)
    waits.set()
    with pytest.raises(KeyboardInterrupt):
        worker.wait()
    assert worker.running
    worker.wait(10)
    assert seen == [None]
    assert not worker.running


def test_a_wait_that_is_too_short_says_so():
    go = threading.Event()
    worker = Worker(lambda cancel: go.wait(10), lambda error: None)
    with pytest.raises(TimeoutError, match=r"still running after 0.05 s: wait longer, or cancel\(\)"):
        worker.wait(0.05)
    go.set()
    worker.wait(10)
