"""Flags of flows: a rule that asks for one means nothing without the rules that set it."""

from collections.abc import Iterable

from signatures.importing.result import Imported, Refusal


def check_flags(
    imported: Imported, refused_setters: Iterable[str], places: dict[int, tuple[int, int]]
) -> Imported:
    """Refuse signatures that need a flag which nothing sets, or that some refused rule would have set.

    :param refused_setters: flags that rules set which were refused.
    :param places: line, and number of lines, of each sid.
    """
    unset = set(refused_setters)
    while True:
        is_set = {flag for signature in imported.signatures for flag in signature.sets}
        refused: dict[int, Refusal] = {}
        for signature in imported.signatures:
            reason = ""
            if missing := next((flag for flag in signature.needs if flag not in is_set), ""):
                option, reason = "flowbits:isset", f"{missing}: no rule that came in sets it"
            elif unsure := next((flag for flag in signature.needs_not if flag in unset), ""):
                option, reason = "flowbits:isnotset", f"{unsure}: a rule that sets it was refused"
            if reason:
                refused[signature.sid] = Refusal(
                    places[signature.sid][0], signature.sid, option, reason, places[signature.sid][1]
                )
                unset.update(signature.sets)
        if not refused:
            return imported
        imported = imported.without(refused)
