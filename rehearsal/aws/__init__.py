"""AWS as the rehearsal plays it: an account in memory that answers ids and outputs, and refuses what AWS would.

`simulation` is the way in: it takes one resource after the other, in the order of their dependencies, and holds them in
a `World`. `catalogue` lists the types, `types_*` what AWS computes of them, `rules_*` what it refuses; `schema.json`
has the properties, as the SDK says them. Nothing here knows who asks: the in-process engine does by
rehearsal/engine/providers/aws.py.

Left out: other types, functions (get…), quotas that an account may raise, what IAM would allow whom, time (everything
is there at once and is ready), prices, and what only real packets show. Roles that clusters let in, and the contents
of policies beyond their grammar, are not judged.
"""
