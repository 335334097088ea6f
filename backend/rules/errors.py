"""Every way in which the rules refuse an input. The doors turn these into problem details."""

from __future__ import annotations

from collections.abc import Sequence


class RuleRefusal(ValueError):
    """A refused input: `code` for machines, `detail` what and where, `mend` how to mend it."""

    code = "rule_refused"

    def __init__(self, detail: str, mend: str) -> None:
        super().__init__(f"{detail} {mend}".strip())
        self.detail = detail
        self.mend = mend


class UnknownRule(RuleRefusal):
    """No row has this id; `near` holds the ids that look like it."""

    code = "unknown_rule"

    def __init__(self, rule_id: str, near: Sequence[str]) -> None:
        hint = f"Did you mean {', '.join(near)}?" if near else "List the ids with the pack's rows."
        super().__init__(f"没有这条规则 / no rule is called {rule_id!r}.", hint)
        self.rule_id = rule_id
        self.near = tuple(near)


class NoExtension(RuleRefusal):
    """The law gives this limit no extension."""

    code = "no_extension"


class BadCount(RuleRefusal):
    """A count that cannot be made: a date outside the tables, an exclusion that runs backwards."""

    code = "bad_count"


class BadEvent(RuleRefusal):
    """An event that cannot be used: naive time, unknown kind, a missing datum, one id twice."""

    code = "bad_event"


class BadInterval(RuleRefusal):
    """An interval that ends before it begins, or whose times carry no zone."""

    code = "bad_interval"


class PackRefused(RuleRefusal):
    """A pack that contradicts itself or the law above it; `row` names the row."""

    code = "pack_refused"

    def __init__(
        self, row: str, why: str, mend: str = "Mend that row and load the pack again."
    ) -> None:
        super().__init__(f"规则包 {row}: {why}", mend)
        self.row = row


class ChecklistRefused(RuleRefusal):
    """A published checklist that cannot be read; `line` is the row's number in its sheet."""

    code = "checklist_refused"

    def __init__(self, line: int, why: str, mend: str) -> None:
        super().__init__(f"第{line}行 / line {line}: {why}", mend)
        self.line = line
