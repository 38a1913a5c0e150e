"""Signatures compiled by a process of its own, which may take long, take much, and die.

Databases of Hyperscan's are octets here: nothing in the service looks into them.
"""

import asyncio
import signal
from contextlib import suppress
from typing import Final

import msgspec

from sensor.errors import SampleError, SensorError, SignatureError
from sensor.service.process import Started, start, status_text
from sensor.worker.messages import (
    MAX_PART,
    Compile,
    Compiled,
    MessageError,
    Unframer,
    frame,
    from_compiler,
)

COMPILE_SECONDS: Final = 120.0
"""Until the compiler is killed. A hundred thousand keywords take some 20 s; who reloads a set that takes
minutes does better to hear of it than to wonder which one is in use."""
_READ: Final = 1 << 18
_OUT_OF_MEMORY: Final = (signal.SIGSEGV, signal.SIGABRT)
"""How native code ends that is refused memory."""


async def compile_apart(message: Compile) -> list[bytes]:
    """The databases, as `sensor.matching.compile.dump_databases` makes them.

    :raises SampleError: if samples fail.
    :raises SignatureError: if they need too much memory, or Hyperscan refuses them.
    :raises SensorError: if the compiler takes too long, or dies: at another time it may not.
    """
    try:
        started = await start("sensor.worker.compiler")
    except OSError as error:
        raise SensorError(f"signatures not compiled: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(COMPILE_SECONDS):
            return await _ask(started, message)
    except TimeoutError:
        raise SensorError(
            f"signatures not compiled within {COMPILE_SECONDS:.0f} s; use fewer, or simpler regexes"
        ) from None
    except (MessageError, msgspec.MsgspecError) as error:
        raise SensorError(f"signatures not compiled: {error}") from error
    finally:
        started.writer.close()
        with suppress(ProcessLookupError):
            started.process.kill()
        await started.process.wait()
        await started.said


async def _ask(started: Started, message: Compile) -> list[bytes]:
    unframer = Unframer(MAX_PART)
    with suppress(ConnectionError):  # its end is told below
        started.writer.write(frame(message))
        while octets := await started.reader.read(_READ):
            for body in unframer.feed(octets):
                compiled: Compiled = from_compiler.decode(body)
                if compiled.failures:
                    raise SampleError(f"signatures not activated: {compiled.error}", compiled.failures)
                if compiled.error:
                    raise SignatureError(f"signatures not compiled: {compiled.error}")
                return compiled.databases
    code = await started.process.wait()
    ended = status_text(code)
    said = (await started.said).splitlines()[-1:]
    if -code in _OUT_OF_MEMORY or any(line.startswith(MemoryError.__name__) for line in said):
        raise SignatureError(
            f"signatures not compiled: the compiler ended with {ended}, as it does where "
            f"{message.memory_octets >> 20:,} MiB of memory are too little; "
            "use fewer signatures, or raise [limits] memory"
        )
    raise SensorError(": ".join(["signatures not compiled", f"the compiler ended with {ended}", *said]))
