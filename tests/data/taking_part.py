#!/usr/bin/env python3
"""Recomputes from the CSV files alone, with nothing of Tandem, what metrics about taking part come to on two real sets.

    taking_part.py DATA_DIRECTORY      writes one JSON document to standard output

Chicago has no actors: shares of evidence grades. The time use survey has some, each on one day: how unequally they gave (by the area under the
Lorenz curve), who came back from month to month (nobody), and shares of evidence grades.
"""
import json
import sys
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import figures


def ratio(above, below):
    if below == 0:
        return None
    with localcontext() as context:
        context.prec = 80
        exact = Fraction(above, below)
        return str((Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN))


def applied(council):
    """What the ledger holds of a council: by key, the first content of each."""
    return {key: content for (of, key), content in figures.LEDGER.items() if of == council}


def grades(counts):
    names = ["SELF_REPORTED", "PEER_CONFIRMED", "PROFESSIONAL", "SENSOR", "ASSUMED"]
    return {f"{name} entries": ratio(counts[name], sum(counts.values())) for name in names}


def concentration(amounts):
    """Twice the area between the line of equality and the Lorenz curve, by trapezia; share of the tenth that gave most."""
    ordered = sorted(amounts)
    number, total = len(ordered), sum(ordered)
    below, so_far = 0, 0
    for amount in ordered:
        below += 2 * so_far + amount
        so_far += amount
    top = sum(ordered[number - (number + 9) // 10 :])
    return ratio(number * total - below, number * total), ratio(top, total), str(number)


def atus():
    figures.atus_activities()
    days = {row["tucaseid"]: (int(row["tuyear"]), int(row["diary_mo"])) for row in figures.rows("timeuse-atus/respondents.csv.gz")}
    counts, given, months = Counter(), defaultdict(Counter), defaultdict(set)
    for (_, case, _), (_, measure, minutes) in applied("us-atus").items():
        if measure == "services/received":
            counts["ASSUMED"] += 1
            continue
        counts["SELF_REPORTED"] += 1
        given[measure][case] += minutes
        year, month = days[case]
        months[12 * year + month - 1].add(case)
    parts = {}
    for measure, by_case in given.items():
        gini, top, number = concentration(by_case.values())
        parts |= {f"{measure} gini": gini, f"{measure} top tenth": top, f"{measure} actors": number}
    before = returned = new = 0
    seen = set()
    for month in range(min(months), max(months) + 1):
        before += len(months[month - 1])
        returned += len(months[month - 1] & months[month])
        new += len(months[month] - seen)
        seen |= months[month]
    retention = {"": ratio(returned, before), "new": str(new), "lapsed": str(before - returned)}
    return {"evidence_quality": grades(counts), "concentration": parts, "retention": retention}


def chicago():
    figures.chicago()
    counts = Counter("SELF_REPORTED" if kind == "request" else "PROFESSIONAL" for kind, _ in applied("chicago"))
    return {"evidence_quality": grades(counts)}


if __name__ == "__main__":
    json.dump({"us-atus": atus(), "chicago": chicago()}, sys.stdout, indent=1)
