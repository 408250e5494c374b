"""ERICA (Qin et al., ACL 2021): entity discrimination and relation discrimination."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Methods, Objectives


@hookimpl
def objectives() -> Objectives:
    """Returns entity discrimination and relation discrimination."""
    from finecl_erica.entity_discrimination import EntityDiscrimination
    from finecl_erica.relation_discrimination import RelationDiscrimination

    return {"entity-discrimination": EntityDiscrimination, "relation-discrimination": RelationDiscrimination}


@hookimpl
def methods() -> Methods:
    """Returns ERICA, which weights all silver labels equally."""
    from finecl.types import Method

    return {
        "erica": Method(
            scorer=None,
            weighting="uniform",
            objectives=((1.0, "entity-discrimination"), (1.0, "relation-discrimination")),
            summary="entity and relation discrimination, all silver labels weighted equally",
            citation="Qin et al. ERICA: Improving Entity and Relation Understanding for Pre-trained Language "
            "Models via Contrastive Learning. ACL 2021.",
        )
    }
