"""Traces that run side by side, on a kernel's main thread and on a subshell's, as widgets' callbacks do."""

import ast

import pytest
from jupyter_client.manager import start_new_kernel

SETUP = """
import threading, torch, effv2viz as ev
torch.manual_seed(0)
model = ev.create_model("efficientnetv2_nano", weights="fashion")
images, others = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32)
expected, other = ev.trace(model, images), ev.trace(model, others)
found, threads = {}, {}
def same(a, b):
    return all(torch.equal(a[site].gate, b[site].gate) for site in a) and torch.equal(a.logits, b.logits)
def trace_often(name, pictures, plan):
    threads[name] = threading.current_thread().name
    found[name] = []
    for _ in range(15):
        found[name].append(ev.trace(model, pictures))
        with ev.intervene(model, plan):
            model(pictures)
"""
MAIN, BESIDE = "trace_often('main', images, ev.Zero())", "trace_often('beside', others, ev.Scale(0.5))"
OUTCOME = """(all(same(t, expected) for t in found['main']), all(same(t, other) for t in found['beside']),
    len(set(threads.values())), any(m._forward_hooks or m._forward_pre_hooks for m in model.modules()))"""


class Kernel:
    def __init__(self, client):
        self.client = client

    def send(self, code, subshell=None, **expressions):
        content = {"code": code, "silent": True, "store_history": False, "user_expressions": expressions}
        message = self.client.session.msg("execute_request", content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def answers(self, *wanted):
        """The replies to these requests, in whatever order they come."""
        replies = {}
        while set(wanted) - set(replies):
            message = self.client.get_shell_msg(timeout=120)
            replies[message["parent_header"].get("msg_id")] = message["content"]
        for one in wanted:
            assert replies[one]["status"] == "ok", replies[one]
        return replies

    def subshell(self):
        self.client.control_channel.send(self.client.session.msg("create_subshell_request"))
        return self.client.get_control_msg(timeout=30)["content"].get("subshell_id")


@pytest.mark.parametrize("subshells", [False, True], ids=["one thread", "subshell"])
def test_traces_side_by_side(subshells):
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = Kernel(client)
        kernel.answers(kernel.send(SETUP))
        beside = kernel.subshell() if subshells else None
        if subshells and beside is None:
            pytest.skip("this ipykernel has no subshells: install ipykernel 7 or later")
        kernel.answers(kernel.send(MAIN), kernel.send(BESIDE, beside))
        last = kernel.send("", outcome=OUTCOME)
        outcome = kernel.answers(last)[last]["user_expressions"]["outcome"]["data"]["text/plain"]
        right, right_beside, threads, hooks = ast.literal_eval(outcome)
        assert (right, right_beside, hooks) == (True, True, False)
        assert threads == (2 if subshells else 1)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
