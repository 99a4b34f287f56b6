from policies import data_safety, edge

edge.run(data_safety.NAME, data_safety.DESCRIPTION, data_safety.RULES)
