"""Many cases in a child process; what fails is made smaller and written as a script; figures at the end."""

import json
import time
from collections import Counter
from pathlib import Path

from fuzz import cases
from fuzz.child import Child, Outcome
from fuzz.shrinking import shrink


class Search:
    """Run cases and keep count.

    Parameters
    ----------
    folder : Path
        Where the scripts of failures are written.
    child : Child
    """

    def __init__(self, folder: Path, child: Child) -> None:
        self.folder, self.child = folder, child
        self.outcomes, self.checks = Counter(), Counter()
        self.failures: dict[str, list[int]] = {}

    def run(self, seed: int) -> Outcome:
        """Run the case of a seed; a failure of a new kind is made smaller and written."""
        case = cases.draw(seed)
        outcome = self.child.run(cases.script(case))
        self.outcomes[outcome.kind if not outcome.failed else "failed"] += 1
        self.checks[f"{case['check'].removeprefix('check_')}"] += not outcome.failed and outcome.kind == "passed"
        if outcome.failed:
            seeds = self.failures.setdefault(outcome.signature, [])
            seeds.append(seed)
            if len(seeds) == 1:
                self.report(seed, case, outcome)
        return outcome

    def report(self, seed: int, case: dict, outcome: Outcome) -> None:
        """Write the shortest script that fails alike."""

        def fails_alike(one: dict) -> bool:
            return self.child.run(cases.script(one)).signature == outcome.signature

        self.child.end()
        alone = fails_alike(case)
        if alone:
            case = shrink(case, fails_alike, 25 if outcome.kind == "hang" else 150)
        path = self.folder / f"failure_{seed}.py"
        note = "" if alone else " It does not fail alone: what ran before it in the same process matters."
        title = f"Case {seed}: {outcome.signature}.{note}"
        path.write_text(cases.script(case, title, str(path)), encoding="utf-8")
        path.with_suffix(".txt").write_text(outcome.text, encoding="utf-8")
        print(f"{title}\n    {json.dumps(case)}\n    {path}", flush=True)

    def summary(self, seconds: float) -> str:
        """Return the figures."""
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(self.outcomes.items()))
        lines = [f"{sum(self.outcomes.values())} cases in {seconds:.0f} s: {counts}"]
        lines += ["passed by check: " + ", ".join(f"{name} {number}" for name, number in sorted(self.checks.items()))]
        lines += [f"{len(seeds):5} × {kind} (case {seeds[0]})" for kind, seeds in sorted(self.failures.items())]
        return "\n".join(lines)


def search(folder: Path, minutes: float, seed: int, limit: float) -> bool:
    """Run cases for so many minutes, or to Ctrl-C; return whether none has failed."""
    folder.mkdir(parents=True, exist_ok=True)
    found, begun, number = Search(folder, Child(folder, limit)), time.monotonic(), 0
    try:
        while time.monotonic() < begun + 60 * minutes:
            found.run(seed * 10**6 + number)
            number += 1
            if number % 500 == 0:
                print(found.summary(time.monotonic() - begun).splitlines()[0], flush=True)
    except KeyboardInterrupt:
        print("Interrupted.")
    finally:
        found.child.end()
    print(found.summary(time.monotonic() - begun))
    return not found.failures
