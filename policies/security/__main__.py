from policies import edge, security

edge.run(security.NAME, security.DESCRIPTION, security.RULES)
