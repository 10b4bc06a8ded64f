"""The Python side of the live tests: one actor that serves a scenario, or holds it, or is a third.

    peer.py child SCENARIO ADDRESS REGISTRY     listens at ADDRESS and serves
    peer.py parent SCENARIO ADDRESS REGISTRY    finds the actor "child" and holds the dialog
    peer.py third SCENARIO ADDRESS REGISTRY     finds it likewise and cancels it
    peer.py versions

An address is HOST:PORT or the path of a Unix socket. Standard output carries one JSON object a line:
`at` (where it listens), `up` (the dialog is in its midst), `saw` (what user code saw). Standard
input carries `go`, for scenarios that need a word from outside; its end ends the process.
"""

import json
import os
import sys
from contextlib import asynccontextmanager
from importlib.metadata import distribution

import tractor
import trio

BURST, ACK_EVERY, WINDOW = 1000, 20, 60


def tell(**line):
    print(json.dumps(line), flush=True)


def saw(what):
    tell(saw=what)


class Inbox:
    """What the test says on standard input."""

    def __init__(self):
        self.go, self.end = trio.Event(), trio.Event()

    async def read(self):
        read = sys.stdin.readline
        while line := await trio.to_thread.run_sync(read, abandon_on_cancel=True):
            if line == "go\n":
                self.go.set()
        self.end.set()


inbox: Inbox


def ending(error):
    """How a dialog ended that ended badly, in the words of the table."""
    match error:
        case tractor.ContextCancelled():
            return f"cancelled by {error.canceller[0]}"
        case tractor.RemoteActorError():
            return f"failed: {error.boxed_type_str}"
        case tractor.TransportClosed():
            return "disconnected"
        case _:
            return f"raised {type(error).__name__}: {error}"


# What a child does.


async def echo(text: str) -> str:
    return text


async def add(a: int, b: int) -> int:
    saw("called")
    return a + b


async def divide(a: int, b: int) -> int:
    saw("called")
    return a // b


async def count(to: int):
    for n in range(1, to + 1):
        yield n
    saw("yielded all")


async def count_and_wait(to: int):
    try:
        for n in range(1, to + 1):
            yield n
        await trio.sleep_forever()
    except (trio.Cancelled, GeneratorExit):
        saw("cancelled")
        raise


@asynccontextmanager
async def cancellation_seen(ctx: tractor.Context):
    try:
        yield
    except trio.Cancelled:
        by = tractor.current_actor().name if ctx.cancel_called else (ctx.canceller or ["nobody"])[0]
        saw(f"cancelled by {by}")
        raise


@tractor.context
async def greet(ctx: tractor.Context, name: str) -> int:
    await ctx.started(f"hello {name}")
    saw("greeted")
    return len(name)


@tractor.context
async def add_up(ctx: tractor.Context, start: int) -> int:
    await ctx.started("ready")
    total = start
    async with ctx.open_stream() as stream:
        async for item in stream:
            saw(f"received {item}")
            total += item
            await stream.send(total)
    saw("stream ended")
    return total


@tractor.context
async def fail_early(ctx: tractor.Context):
    saw("fails")
    raise ValueError("no good start")


@tractor.context
async def fail_late(ctx: tractor.Context):
    await ctx.started("so far so good")
    saw("fails")
    raise KeyError("no such item")


@tractor.context
async def wait(ctx: tractor.Context):
    async with cancellation_seen(ctx):
        await ctx.started("waiting")
        tell(up=True)
        async with ctx.open_stream() as stream:
            async for item in stream:
                saw(item)


@tractor.context
async def give_up(ctx: tractor.Context):
    async with cancellation_seen(ctx):
        await ctx.started("working")
        tell(up=True)
        await inbox.go.wait()
        await ctx.cancel()
        await trio.sleep_forever()


@tractor.context
async def take_burst(ctx: tractor.Context) -> int:
    await ctx.started(None)
    async with ctx.open_stream() as stream:
        return await drain(stream)


@tractor.context
async def give_burst(ctx: tractor.Context) -> int:
    await ctx.started(None)
    async with ctx.open_stream() as stream:
        return await pour(stream)


async def pour(stream) -> int:
    """Sends the burst, never more ahead of the reader than it has room for."""
    acked = 0
    for item in range(BURST):
        if item - acked == WINDOW:
            acked = await stream.receive()
        await stream.send(item)
    while acked < BURST:
        acked = await stream.receive()
    saw(f"poured {acked}")
    return acked


async def drain(stream) -> int:
    """Receives the burst, in order and complete, and says every now and then how much it has."""
    total = 0
    for expected in range(BURST):
        item = await stream.receive()
        if item != expected:
            raise ValueError(f"item {expected} is {item}")
        total += item
        if (expected + 1) % ACK_EVERY == 0:
            await stream.send(expected + 1)
    saw(f"drained {BURST}")
    return total


# What a parent does.


async def call(portal):
    saw(f"returned {await portal.run(add, a=2, b=3)}")


async def failing_call(portal):
    saw(f"returned {await portal.run(divide, a=1, b=0)}")


async def unknown_function(portal):
    saw(f"returned {await portal.run_from_ns(__name__, 'nowhere')}")


async def generator(portal):
    async with portal.open_stream_from(count, to=3) as stream:
        saw(f"yielded {[item async for item in stream]}")


async def generator_left(portal):
    async with portal.open_stream_from(count_and_wait, to=3) as stream:
        saw(f"yielded {[await stream.receive(), await stream.receive()]}")


async def context(portal):
    async with portal.open_context(greet, name="you") as (ctx, first):
        saw(f"first {first}")
        saw(f"returned {await ctx.wait_for_result()}")


async def stream(portal):
    async with portal.open_context(add_up, start=10) as (ctx, first):
        saw(f"first {first}")
        async with ctx.open_stream() as both_ways:
            for item in range(1, 4):
                await both_ways.send(item)
                saw(f"received {await both_ways.receive()}")
        saw(f"returned {await ctx.wait_for_result()}")


async def error_before_started(portal):
    async with portal.open_context(fail_early) as (_, first):
        saw(f"first {first}")


async def error_after_started(portal):
    async with portal.open_context(fail_late) as (ctx, first):
        saw(f"first {first}")
        saw(f"returned {await ctx.wait_for_result()}")


async def cancel_by_parent(portal):
    async with portal.open_context(wait) as (ctx, _):
        tell(up=True)
        await ctx.cancel()
    saw_own_cancel(ctx)


async def cancel_by_child(portal):
    async with portal.open_context(give_up) as (ctx, _):
        tell(up=True)
        saw(f"returned {await ctx.wait_for_result()}")


async def cancel_by_both(portal):
    async with portal.open_context(give_up) as (ctx, _):
        tell(up=True)
        await inbox.go.wait()
        await ctx.cancel()
    saw_own_cancel(ctx)


def saw_own_cancel(ctx):
    saw("cancelled" if ctx.cancel_acked else f"ended as {ctx.repr_state}")


async def wait_in_stream(portal):
    async with portal.open_context(wait) as (ctx, _):
        async with ctx.open_stream() as both_ways:
            tell(up=True)
            async for item in both_ways:
                saw(item)


async def actor_cancel_by_parent(portal):
    async with portal.open_context(wait) as (ctx, _):
        tell(up=True)
        await portal.cancel_actor()
    saw_own_cancel(ctx)


async def take(portal):
    async with portal.open_context(give_burst) as (ctx, _):
        async with ctx.open_stream() as both_ways:
            await drain(both_ways)
        saw(f"returned {await ctx.wait_for_result()}")


async def give(portal):
    async with portal.open_context(take_burst) as (ctx, _):
        async with ctx.open_stream() as both_ways:
            await pour(both_ways)
        saw(f"returned {await ctx.wait_for_result()}")


async def killed(portal):
    """A parent is not woken when its child's process is gone: it learns it from outside."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def leave_on_go():
                await inbox.go.wait()
                scope.cancel()

            nursery.start_soon(leave_on_go)
            await wait_in_stream(portal)
    saw("left")


SCENARIOS = {
    "call": call,
    "failing-call": failing_call,
    "unknown-function": unknown_function,
    "generator": generator,
    "generator-left": generator_left,
    "context": context,
    "stream": stream,
    "error-before-started": error_before_started,
    "error-after-started": error_after_started,
    "cancel-by-parent": cancel_by_parent,
    "cancel-by-child": cancel_by_child,
    "cancel-by-both": cancel_by_both,
    "actor-cancel-by-parent": actor_cancel_by_parent,
    "actor-cancel-by-third": wait_in_stream,
    "burst-up": give,
    "burst-down": take,
    "our-process-killed": killed,
    "their-process-killed": wait_in_stream,
}


async def hold(scenario, portal):
    try:
        await SCENARIOS[scenario](portal)
    except Exception as error:
        saw(ending(error))


# The process.


def unwrapped(address):
    """An address as tractor's functions take it."""
    if address.startswith("/"):
        return os.path.split(address)
    host, port = address.rsplit(":", 1)
    return host, int(port)


def wrapped(address):
    where, which = address
    return os.path.join(where, which) if isinstance(which, str) else f"{where}:{which}"


async def main(role, scenario, address, registry):
    global inbox
    inbox = Inbox()
    registry = unwrapped(registry)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.read)
        async with tractor.open_root_actor(
            name=role,
            registry_addrs=[registry],
            tpt_bind_addrs=[unwrapped(address)] if role == "child" else None,
            enable_transports=["uds" if isinstance(registry[1], str) else "tcp"],
            enable_modules=[__name__],
        ) as actor:
            tell(at=wrapped(actor.accept_addr))
            if role != "child":
                async with tractor.find_actor("child", registry_addrs=[registry]) as portal:
                    if role == "parent":
                        await hold(scenario, portal)
                    else:
                        saw("cancelled it" if await portal.cancel_actor() else "no answer")
            await inbox.end.wait()


def versions():
    yield f"Python {sys.version.split()[0]}"
    for name in ("tractor", "trio", "msgspec"):
        package = distribution(name)
        origin = json.loads(package.read_text("direct_url.json") or "{}")
        commit = origin.get("vcs_info", {}).get("commit_id", "")
        yield f"{name} {package.version} {commit}".strip()


if __name__ == "__main__":
    # The module under its own name is the one that peers call into.
    import peer

    if sys.argv[1:] == ["versions"]:
        print(", ".join(versions()))
    else:
        trio.run(peer.main, *sys.argv[1:])
