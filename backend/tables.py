"""All tables of this package, for Piccolo and for the test that compares them with the schema."""

from backend.cases.tables import TABLES as CASES
from backend.evidence.tables import TABLES as EVIDENCE
from backend.flags.tables import TABLES as FLAGS
from backend.ledger.tables import TABLES as LEDGER
from backend.people.tables import TABLES as PEOPLE

TABLES = (*PEOPLE, *CASES, *EVIDENCE, *FLAGS, *LEDGER)
