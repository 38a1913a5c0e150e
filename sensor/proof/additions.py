"""What signature files bring beside the shipped ones, proved before anybody relies on it."""

from collections.abc import Sequence
from contextlib import suppress

import hyperscan

from sensor.errors import SensorError
from sensor.matching.cache import Cache
from sensor.matching.compile import dump_databases
from sensor.proof.samples import Failure, prove
from signatures.loader import load_signatures
from signatures.model import Signature


def prove_additions(loaded: Sequence[Signature], cache: Cache) -> list[Failure]:
    """The samples that fail of what is not as shipped: other signatures, and those that overrides change.

    Without a sample there nothing is compiled.

    :param loaded: of sound files, which the shipped ones may stand beside.
    :raises SensorError: if they can't be compiled.
    """
    shipped = {signature.sid: signature for signature in load_signatures([])}
    brought = [signature for signature in loaded if shipped.get(signature.sid) != signature]
    if not any(signature.samples for signature in brought):
        return []
    try:
        if kept := cache.get(brought):
            with suppress(SensorError):  # of another processor
                return prove(brought, databases=kept)
        databases = dump_databases(brought)
        cache.put(brought, databases)
        return prove(brought, databases=databases)
    except (hyperscan.HyperscanError, MemoryError) as error:
        # No more of it than its kind: a text may quote what somebody looks for.
        raise SensorError(
            f"its signatures can't be compiled here ({type(error).__name__}); use fewer, or a larger machine"
        ) from error
