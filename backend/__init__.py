"""People, cases, evidence, rules, flags and ledger: what the law is about. Imports none of ours."""
