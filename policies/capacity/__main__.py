from policies import capacity, edge

edge.run(capacity.NAME, capacity.DESCRIPTION, capacity.RULES)
