#!/usr/bin/env python3
"""Recomputes from the CSV files alone, with nothing of Tandem, what importing each set must come to.

    figures.py DATA_DIRECTORY      writes one JSON document to standard output
    figures.py DATA_DIRECTORY residents      writes residents of 5 years and over of Trafford's small areas instead, as CSV

For each mapping file: rows read, events, rows skipped by reason and rejected, quantities by measure in its smallest unit, and what becomes of
the events of the whole list in its order on an empty ledger (applied, duplicate, suspended; without the catalogue). "checks" are the check
figures of the sets' SOURCE.txt. "answers" are what questions about the imported sets must come to.
"""
import csv
import gzip
import json
import sys
from collections import Counter, defaultdict
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from pathlib import Path

DATA = Path(sys.argv[1])
# The ledger: (council, source, key) -> content.
LEDGER = {}
CHECKS = {}
ANSWERS = {}


def rows(path):
    path = DATA / path
    opened = gzip.open(path, "rt", encoding="utf-8", newline="") if path.suffix == ".gz" else open(path, encoding="utf-8", newline="")
    with opened as file:
        return list(csv.DictReader(file))


class Import:
    def __init__(self, read):
        self.read, self.events, self.rejected = read, 0, 0
        self.skipped, self.quantities, self.fate = Counter(), Counter(), Counter()

    def event(self, council, key, content, measure=None, quantity=0):
        self.events += 1
        if measure:
            self.quantities[measure] += quantity
        content = (content, measure, quantity)
        known = LEDGER.setdefault((council, key), content)
        # `known is content` holds only for what has just been stored.
        self.fate["applied" if known is content else "duplicate" if known == content else "suspended"] += 1

    def figures(self):
        return {
            "read": self.read,
            "events": self.events,
            "applied": self.fate["applied"],
            "duplicate": self.fate["duplicate"],
            "suspended": self.fate["suspended"],
            "rejected": self.rejected,
            "skipped": dict(self.skipped),
            "quantities": dict(self.quantities),
        }


def times(text, factor):
    """Exact, or an error."""
    with localcontext() as context:
        context.prec = 60
        product = Decimal(text) * factor
        assert product == product.to_integral_value(), text
        return int(product)


def grams_rounded(tonnes):
    with localcontext() as context:
        context.prec = 60
        return int((Decimal(tonnes) * 1_000_000).to_integral_value(rounding=ROUND_HALF_EVEN))


def chicago():
    table = rows("requests-chicago-311-sanitation/requests.csv.gz")
    out = Import(len(table))
    for row in table:
        number, ward = row["Service_Request_Number"], row["Ward"].replace("0", "") if row["Ward"] == "0" else row["Ward"]
        out.event("chicago", ("request", number), (row["Creation_Date"], ward), "reports/made", 1)
        if row["Status"] == "Completed":
            out.event("chicago", ("completion", number), (row["Completion_Date"], ward), "reports/closed", 1)
        elif row["Status"] == "Completed - Dup":
            out.event("chicago", ("duplicate", number), (row["Completion_Date"], ward), "reports/closed-as-duplicate", 1)
    days = sorted((date(row["Completion_Date"]) - date(row["Creation_Date"])).days for row in table if row["Completion_Date"])
    CHECKS["chicago rows"] = len(table)
    CHECKS["chicago numbers"] = len({row["Service_Request_Number"] for row in table})
    CHECKS["chicago completed"] = sum(row["Status"] == "Completed" for row in table)
    CHECKS["chicago completed - dup"] = sum(row["Status"] == "Completed - Dup" for row in table)
    CHECKS["chicago open - dup"] = sum(row["Status"] == "Open - Dup" for row in table)
    CHECKS["chicago median days"] = days[len(days) // 2]
    return out


def date(text):
    from datetime import date as day

    return day.fromisoformat(text)


def slug(text):
    words = "".join(character if character.isascii() and character.isalnum() else " " for character in text.lower()).split()
    return "-".join(words)


def police_crimes():
    table = rows("police-hainault-london/crimes_with_outcomes.csv.gz")
    out = Import(len(table))
    for row in table:
        police_events(out, row, row["street_id"], True)
    CHECKS["police rows"] = len(table)
    CHECKS["police outcomes"] = sum(row["outcome_category"] != "" for row in table)
    CHECKS["police anti-social behaviour"] = sum(row["category"] == "anti-social-behaviour" for row in table)
    return out


def police_events(out, row, street, first):
    council = "police-hainault"
    if first:
        out.event(council, ("information", row["id"]), (row["month"], row["category"], street), "reports/made", 1)
    if row["outcome_category"]:
        key = ("outcome", row["id"], row["outcome_category"], row["outcome_date"])
        out.event(council, key, (row["category"], street), "policing/outcome/" + slug(row["outcome_category"]), 1)


def police_history():
    streets = {row["id"]: row["street_id"] for row in rows("police-hainault-london/crimes_with_outcomes.csv.gz")}
    table = rows("police-hainault-london/observed_events.csv.gz")
    out, last = Import(len(table)), {}
    for row in table:
        first = row["event"] == "first_seen"
        if not first:
            old = last[row["id"]]
            key = ("correction", row["id"], old["outcome_category"], old["outcome_date"])
            assert old["outcome_category"], row
            out.event("police-hainault", key, row["observed_at"])
        police_events(out, row, streets.get(row["id"], ""), first)
        last[row["id"]] = row
    CHECKS["police first seen"] = sum(row["event"] == "first_seen" for row in table)
    CHECKS["police outcome changed"] = sum(row["event"] == "outcome_changed" for row in table)
    return out


def household_waste():
    table = rows("waste-scotland/household-waste.csv.gz")
    out, tonnes_2019 = Import(len(table)), Counter()
    measures = {"Recycled": "waste/sorted", "Landfilled": "waste/landfilled", "Other Diversion": "waste/diverted"}
    for row in table:
        if row["year"] == "2019":
            tonnes_2019[row["management"]] += Decimal(row["tonnes"])
        if Decimal(row["tonnes"]) == 0:
            out.skipped["zero tonnes"] += 1
            continue
        key = ("waste", row["region"], row["year"], row["material"], row["management"])
        out.event(row["region"], key, None, measures[row["management"]], times(row["tonnes"], 1_000_000))
    year_on_year(table)
    for management, tonnes in tonnes_2019.items():
        CHECKS[f"scotland 2019 tonnes {management}"] = int(tonnes)
    return out


def year_on_year(table):
    """Grams sorted by council and year, beside those of the year before."""
    grams = Counter()
    for row in table:
        if row["management"] == "Recycled":
            grams[row["region"], int(row["year"])] += times(row["tonnes"], 1_000_000)
    for name, council in [("Stirling", "S12000030"), ("Glasgow City", "S12000049")]:
        for year in sorted(year for region, year in grams if region == name):
            now, before = grams[name, year], grams[name, year - 1]
            ANSWERS[f"{council} waste/sorted {year}"] = f"{now} was {before} change {now - before}"


def bin_collection():
    table = rows("waste-scotland/bin-collection.csv")
    out = Import(len(table))
    for row in table:
        measure = "waste/collected-late" if row["missed-bin?"] == "true" else "waste/collected"
        out.event(row["region"], ("bins", *row.values()), None, measure, times(row["tonnes"], 1_000_000))
    return out


def community_food():
    table = rows("waste-scotland/stirling-community-food-tonnes.csv")
    out = Import(len(table))
    for row in table:
        direction, party = row["io-direction"], row["counter-party"]
        if direction == "in" and party == "Purchased":
            out.skipped["bought, not given"] += 1
            continue
        grams = grams_rounded(row["tonnes"])
        measure = "food/given" if direction == "in" else "food/passed-on" if grams > 0 else "food/passed-on-correction"
        assert grams > 0 or direction == "out" and grams < 0, row
        out.event("S12000030", ("food", row["yyyy-MM-dd"], direction, party), None, measure, abs(grams))
    return out


def community_food_visits():
    table = rows("waste-scotland/stirling-community-food-footfall.csv")
    out = Import(len(table))
    for row in table:
        out.event("S12000030", ("visits", row["yyyy-MM-dd"]), None, "food/visits-a-day", int(row["count"]))
    visits_by_month(table)
    return out


def visits_by_month(table):
    """Mean visits a day, beside those of the month before: rounded once, each, half to even."""
    sums = defaultdict(lambda: [0, 0])
    for row in table:
        total = sums[row["yyyy-MM-dd"][:7]]
        total[0], total[1] = total[0] + int(row["count"]), total[1] + 1
    means = {month: Fraction(*total) for month, total in sums.items()}
    for month, mean in sorted(means.items()):
        year, number = int(month[:4]), int(month[5:])
        before = means.get(f"{year - (number == 1)}-{number - 1 or 12:02}")
        change = "none" if before is None else round(mean - before)
        ANSWERS[f"food/visits-a-day {month}"] = f"{round(mean)} was {'none' if before is None else round(before)} change {change}"


def areas(path, council, key, vintage):
    table = rows(path)
    out = Import(len(table))
    for row in table:
        out.event(row[council] if council in row else council, (vintage, *(row[name] for name in key)), tuple(row.values()))
    return out


def fixmystreet():
    table = rows("reports-fixmystreet-london/reports.csv.gz")
    out, districts = Import(len(table)), Counter()
    for row in table:
        districts[row["lad24nm"]] += 1
        if row["lad24cd"] == "":
            out.skipped["in no district"] += 1
            continue
        out.event(row["lad24cd"], ("report", row["report_id"]), row["published_at"], "reports/made", 1)
    CHECKS["fixmystreet rows"] = len(table)
    CHECKS["fixmystreet ids"] = len({row["report_id"] for row in table})
    for name in ["Bromley", "Southwark", "Greenwich", "Bexley"]:
        CHECKS[f"fixmystreet {name}"] = districts[name]
    return out


def atus_activities():
    table = rows("timeuse-atus/activities.csv.gz")
    out = Import(len(table))
    homework, volunteering, care = [], [], []
    for row in table:
        code, minutes, key = row["tiercode"], int(row["minutes"]), ("activity", row["tucaseid"], row["tiercode"])
        if code[:6] in ("030201", "040201"):
            homework.append(minutes)
        if code[:2] == "15":
            volunteering.append(minutes)
        if code[:2] in ("03", "04"):
            care.append(minutes)
        if code[:4] in ("0302", "0402"):
            out.event("us-atus", key, None, "education/homework-support", minutes)
        elif code[:2] in ("03", "04"):
            out.event("us-atus", key, None, "care/unpaid-care", minutes)
        elif code[:2] == "15":
            out.event("us-atus", key, None, "volunteering/time", minutes)
        elif code[:4] == "1002":
            out.event("us-atus", key, None, "civic/obligations", minutes)
        elif code[:4] in ("0804", "1001"):
            out.event("us-atus", key, None, "services/received", minutes)
        elif code[:2] == "08":
            out.skipped["a private service"] += 1
        else:
            out.skipped["waiting, security and other time at public services"] += 1
    CHECKS["atus homework minutes"], CHECKS["atus homework rows"] = sum(homework), len(homework)
    CHECKS["atus volunteering minutes"], CHECKS["atus volunteering rows"] = sum(volunteering), len(volunteering)
    CHECKS["atus care minutes"] = sum(care)
    return out


def atus_staff():
    table = rows("timeuse-atus/government_staff_work.csv.gz")
    out = Import(len(table))
    for row in table:
        out.event("us-atus", ("staff", row["tucaseid"], row["tiercode"]), None, "staff/time", int(row["minutes"]))
    CHECKS["atus staff minutes"] = sum(int(row["minutes"]) for row in table)
    return out


def timebanks():
    table = rows("volunteering-timebanks/daily_counters.csv.gz")
    out, by_bank, falls, rises = Import(len(table)), defaultdict(list), 0, 0
    for row in table:
        by_bank[row["timebank"]].append(row)
    for bank, readings in by_bank.items():
        counted = [row for row in readings if row["hours"] != ""]
        out.skipped["no counter yet"] += len(readings) - len(counted)
        out.skipped["first reading"] += bool(counted)
        for old, new in zip(counted, counted[1:]):
            hours, exchanges = int(new["hours"]) - int(old["hours"]), int(new["exchanges"]) - int(old["exchanges"])
            falls += hours < 0 or exchanges < 0
            rises += hours > 0 or exchanges > 0
            if not hours and not exchanges:
                out.skipped["unchanged"] += 1
            for name, change in [("time", hours * 60), ("exchanges", exchanges)]:
                if change:
                    measure = f"timebank/{name}" + ("-correction" if change < 0 else "")
                    out.event("timebanks", (name, bank, new["timestamp"]), None, measure, abs(change))
    derived = rows("volunteering-timebanks/derived_exchange_events.csv")
    CHECKS["timebanks counter rows"] = len(table)
    CHECKS["timebanks rows without counter"] = out.skipped["no counter yet"]
    CHECKS["timebanks increases"] = rises
    CHECKS["timebanks increases derived"] = len(derived)
    CHECKS["timebanks decreases"] = falls
    return out


def cards():
    files = ["state-trafford/procurement_card_2024-25.csv.gz", "state-trafford/procurement_card_2025-26.csv.gz"]
    out = Import(sum(len(rows(path)) for path in files))
    for path in files:
        table, seen = rows(path), Counter()
        for row in table:
            content = tuple(row.values())
            seen[content] += 1
            pence = times(row["Amount"], 100)
            measure = "money/payments" if pence > 0 else "money/payments-refunded"
            out.event("E08000009", ("card", content, seen[content]), None, measure, abs(pence))
        year = path[-14:-7]
        CHECKS[f"cards {year} rows"] = len(table)
        CHECKS[f"cards {year} pence"] = times(str(sum(Decimal(row["Amount"]) for row in table)), 100)
        CHECKS[f"cards {year} refunds"] = sum(Decimal(row["Amount"]) < 0 for row in table)
    return out


def grants():
    table = rows("state-trafford/voluntary_sector_grants.csv.gz")
    out = Import(len(table))
    for row in table:
        out.event("E08000009", ("grant", row["Identifier"]), None, "money/grants", times(row["Amount Awarded"], 100))
    CHECKS["grants rows"] = len(table)
    CHECKS["grants pence"] = times(str(sum(Decimal(row["Amount Awarded"]) for row in table)), 100)
    return out


BANDS = {
    "Provides 9 hours or less unpaid care a week": "up-to-9",
    "Provides 10 to 19 hours unpaid care a week": "10-to-19",
    "Provides 20 to 34 hours unpaid care a week": "20-to-34",
    "Provides 35 to 49 hours unpaid care a week": "35-to-49",
    "Provides 50 or more hours unpaid care a week": "50-or-more",
}


def unpaid_care(path, council, also_skipped=None):
    table = rows(path)
    out = Import(len(table))
    for row in table:
        if row["unpaid_care"] == "Provides no unpaid care":
            out.skipped["no unpaid care"] += 1
        elif also_skipped and row["area_code"] == also_skipped:
            out.skipped["Trafford is recorded by its small areas"] += 1
        elif row["value"] == "0":
            out.skipped["nobody"] += 1
        else:
            key = ("carers", row["area_code"], row["unpaid_care"])
            out.event(council or row["area_code"], key, None, f"care/carers-{BANDS[row['unpaid_care']]}-hours", int(row["value"]))
    return out


IMPORTS = {
    "chicago-requests": chicago,
    "police-crimes": police_crimes,
    "police-history": police_history,
    "scotland-household-waste": household_waste,
    "scotland-bin-collection": bin_collection,
    "scotland-community-food": community_food,
    "scotland-community-food-visits": community_food_visits,
    "scotland-population": lambda: areas("waste-scotland/population.csv", "region", ["region", "year"], "population"),
    "fixmystreet-reports": fixmystreet,
    "atus-activities": atus_activities,
    "atus-staff": atus_staff,
    "timebanks": timebanks,
    "timebanks-areas": lambda: areas("volunteering-timebanks/timebanks.csv", "timebanks", ["timebank"], "timebank"),
    "trafford-cards": cards,
    "trafford-grants": grants,
    "trafford-unpaid-care": lambda: unpaid_care("state-trafford/unpaid_care_2021_lsoa_trafford.csv.gz", "E08000009"),
    "manchester-unpaid-care": lambda: unpaid_care("state-trafford/unpaid_care_2021_la_gm.csv", None, "E08000009"),
    "trafford-allotments": lambda: areas("state-trafford/allotments.csv", "E08000009", ["osm_id"], "osm"),
    "reference-lsoa21": lambda: areas("reference-uk/lsoa21_ward24_lad24_imd2025.csv.gz", "ltla24_code", ["lsoa21_code"], "lsoa21"),
    "reference-lsoa11": lambda: areas("reference-uk/lsoa11_lad21_imd2019.csv.gz", "ltla21_code", ["lsoa11_code"], "lsoa11"),
    "reference-dz11": lambda: areas("reference-uk/dz11_lad20_simd2020.csv.gz", "ltla20_code", ["dz11_code"], "dz11"),
}


def area_vintages():
    """Both vintages of the small areas of England and Wales: what is in which, and where their deciles differ."""
    old = {row["lsoa11_code"]: row for row in rows("reference-uk/lsoa11_lad21_imd2019.csv.gz")}
    new = {row["lsoa21_code"]: row for row in rows("reference-uk/lsoa21_ward24_lad24_imd2025.csv.gz")}
    both = [code for code in old if code in new and old[code]["IMD_decile"] and new[code]["IMD_decile"]]
    CHECKS["areas of 2011"] = len(old)
    CHECKS["areas of 2021"] = len(new)
    CHECKS["areas with a decile of 2019"] = sum(row["IMD_decile"] != "" for row in old.values())
    CHECKS["areas with a decile of 2025"] = sum(row["IMD_decile"] != "" for row in new.values())
    CHECKS["areas with both deciles"] = len(both)
    CHECKS["areas whose deciles differ"] = sum(old[code]["IMD_decile"] != new[code]["IMD_decile"] for code in both)
    trafford = {code for code, row in new.items() if row["ltla24_code"] == "E08000009"}
    CHECKS["areas of Trafford 2011"] = sum(row["ltla21_code"] == "E08000009" for row in old.values())
    CHECKS["areas of Trafford 2021"] = len(trafford)
    CHECKS["areas of Trafford whose deciles differ"] = sum(old[code]["IMD_decile"] != new[code]["IMD_decile"] for code in both if code in trafford)
    trafford_by_decile(old, new)


def trafford_residents():
    """Everybody of 5 years and over is in one band of unpaid care, or gives none."""
    residents = Counter()
    for row in rows("state-trafford/unpaid_care_2021_lsoa_trafford.csv.gz"):
        residents[row["area_code"]] += int(row["value"])
    return residents


def trafford_by_decile(old, new):
    """Carers of 50 hours a week or more by deprivation decile of their area in both vintages, and how unequal that is per head."""
    residents, by_decile = Counter(), {"2019": Counter(), "2025": Counter()}
    for code, number in trafford_residents().items():
        residents[int(new[code]["IMD_decile"])] += number
    for row in rows("state-trafford/unpaid_care_2021_lsoa_trafford.csv.gz"):
        if BANDS.get(row["unpaid_care"]) == "50-or-more":
            code = row["area_code"]
            by_decile["2025"][new[code]["IMD_decile"]] += int(row["value"])
            by_decile["2019"][old[code]["IMD_decile"] if code in old else ""] += int(row["value"])
    for vintage, carers in by_decile.items():
        for decile, number in carers.items():
            CHECKS[f"Trafford carers {vintage} decile {decile}".rstrip()] = number
    for decile, number in residents.items():
        CHECKS[f"Trafford residents decile {decile}"] = number
    # 2/mu * sum of f * mu_t * R, less 1, with exact fractions.
    everybody, all_carers = sum(residents.values()), sum(by_decile["2025"].values())
    mean, below, total = Fraction(all_carers, everybody), 0, Fraction(0)
    for decile in sorted(residents):
        share, rank = Fraction(residents[decile], everybody), Fraction(2 * below + residents[decile], 2 * everybody)
        total += share * Fraction(by_decile["2025"][str(decile)], residents[decile]) * rank
        below += residents[decile]
    CHECKS["Trafford concentration index in millionths"] = round((2 / mean * total - 1) * 1_000_000)


if __name__ == "__main__" and sys.argv[2:] == ["residents"]:
    print("area,population")
    for code, number in trafford_residents().items():
        print(f"{code},{number}")
elif __name__ == "__main__":
    area_vintages()
    imports = {name: compute().figures() for name, compute in IMPORTS.items()}
    json.dump({"imports": imports, "checks": CHECKS, "answers": ANSWERS}, sys.stdout, indent=1, ensure_ascii=False)
