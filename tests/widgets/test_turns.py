"""Python and the page choose at the same time: what the kernel takes last holds, and the page is told so."""

import threading

import pytest
from comm.base_comm import BaseComm

import effv2viz as ev
from effv2viz.widgets.turns import TURN


class Told(BaseComm):
    """A comm that tells a page, which shows the last that it was told."""

    def publish_msg(self, msg_type, data=None, **_):
        if data and data["method"] in ("update", "echo_update"):
            self.page.update(data["state"])


@pytest.fixture
def view():
    return ev.explore()


@pytest.fixture
def page(view):
    """What the page shows of the explorer's chart and of its menu of pictures."""
    pages = {}
    for control in (view._front, view._picture):
        state = control.get_state()
        pages[control] = {key: state[key] for key in ("row", "channel", "index") if key in state}
        control.comm.__class__ = Told
        control.comm.page = pages[control]
    return pages


def chooses(control, state):
    """A message of the page comes on a thread of its own."""
    return threading.Thread(target=control.set_state, args=(state,))


@pytest.mark.parametrize("last", ["page", "python"])
def test_what_is_taken_last_holds_whole_and_the_page_shows_it(view, page, last):
    front, menu = view._front, view._picture
    view.site = "stage4.0"
    page[front] |= {"row": "stage4.0", "channel": 9}
    page[menu] |= {"index": 3}
    messages = [chooses(front, {"row": "stage4.0", "channel": 9}), chooses(menu, {"index": 3})]
    if last == "page":
        with TURN:  # messages have come, and wait
            for message in messages:
                message.start()
                message.join(0.2)
            view.site, view.image = "stage5.1", 5
    else:
        for message in messages:
            message.start()
            message.join()
        view.site, view.image = "stage5.1", 5
    for message in messages:
        message.join()
    site, image = ("stage4.0", 3) if last == "page" else ("stage5.1", 5)
    assert (view.site, view.image) == (site, image)
    assert page[front]["row"] == site
    assert page[front]["channel"] == view.channel
    assert (view.channel == 9) == (last == "page")
    assert page[menu]["index"] == image
    assert front.error == ""


def test_a_crowd_of_choices_ends_in_one(view, page):
    """Choices from both sides at once: the site and channel fit each other, and both sides have the same."""
    front = view._front
    sites = list(view._experiment.sites)
    errors = []

    def by_page():
        for k in range(60):
            state = {"row": sites[k % len(sites)], "channel": (7 * k) % 128}
            page[front].update(state)
            front.set_state(state)
            errors.append(front.error)

    thread = threading.Thread(target=by_page)
    thread.start()
    for k in range(60):
        view.site = sites[(5 * k) % len(sites)]
    thread.join()
    assert set(errors) <= {""}
    assert (page[front]["row"], page[front]["channel"]) == (view.site, view.channel)
