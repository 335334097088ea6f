"""Cases, parties, inspections, steps, facts and records. The only writer of cases."""
