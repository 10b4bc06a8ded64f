"""A Python actor that is asked to open a dialog back and to tell how it ended."""

import sys

import tractor
import trio


@tractor.context
async def failing(ctx: tractor.Context) -> None:
    """Never runs here: the name of what is asked for at the other end."""


def told(err: BaseException) -> dict:
    """What this side's application sees of an error."""
    seen = {"type": type(err).__name__}
    for name in ("boxed_type_str", "src_type_str", "tb_str"):
        seen[name] = getattr(err, name, None)
    for name in ("src_uid", "canceller", "sender"):
        uid = getattr(err, name, None)
        seen[name] = list(uid) if uid else None
    seen["relay_path"] = [list(uid) for uid in getattr(err, "relay_path", [])]
    return seen


@tractor.context
async def ask_back(ctx: tractor.Context, relay: bool) -> None:
    """Opens a dialog with who asks, tells how it ended, and passes the error on if it is to."""
    try:
        async with tractor.Portal(ctx.chan).open_context(failing) as (_, _first):
            pass
    except BaseException as err:
        await ctx.started(told(err))
        if relay:
            raise
        return
    await ctx.started({})


async def alive() -> str:
    return "alive"


async def serve(port: int) -> None:
    async with tractor.open_root_actor(
        name="python",
        registry_addrs=[("127.0.0.1", port)],
        enable_modules=["error_peer"],
    ):
        print("ready", flush=True)
        await trio.sleep_forever()


def main() -> None:
    trio.run(serve, int(sys.argv[1]))
