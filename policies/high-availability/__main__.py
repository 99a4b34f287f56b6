from policies import edge, high_availability

edge.run(high_availability.NAME, high_availability.DESCRIPTION, high_availability.RULES)
