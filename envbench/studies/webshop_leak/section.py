"""The study in words: what stands in `envs/webshop/README.md`, made from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence

from envbench.studies import tables
from envbench.studies.tables import shown, table, wrapped
from envbench.studies.webshop_leak import pages, prices, splits
from envbench.studies.webshop_leak.orders import LEVELS
from envbench.studies.webshop_leak.rows import Row, find

BEGIN = "<!-- leak: made by scripts/webshop_leak.py, do not edit -->"
END = "<!-- /leak -->"
HUMAN_GOALS = 12_087
"""Human goals of the full data set, which is not measured here."""

_FORGE = "https://github.com/langfengQ/verl-agent"
_SAME = {"text": "same instruction, to the letter", "goal": "same product and options", "product": "same product"}
_ORDERS = {splits.OWN: "own orders", splits.SCRIPT: "own orders, `env.seed=0`", splits.ONE: "one order"}


def replace(document: str, text: str) -> str:
    """Return the document with the text between the study's markers exchanged.

    Raises:
        InvalidValue: for a document without them.
    """
    return tables.replace(document, text, BEGIN, END)


def section(rows: Sequence[Row]) -> str:
    """Return the text for the rows of one or more data sets; the first one is what the paragraphs speak of."""
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    parts = [
        _splits(rows, datasets[0]),
        _pages(rows, datasets[0]),
        "![Test goals trained on, by training groups, and steps whose observation stands for several states](leak.png)",
        *_groups_table(rows, datasets[0]),
        *_datasets_table(rows, datasets),
        *_pages_table(rows, datasets[0]),
        _method(),
        wrapped("""`python scripts/webshop_leak.py` measures all of it again in under two minutes, on the generated
            catalogue alone where the original's files are not; `envbench figures webshop-leak` draws the figure."""),
    ]
    return "\n\n".join(parts) + "\n"


def _splits(rows: Sequence[Row], dataset: str) -> str:
    def drawn(case: str, level: str) -> str:
        return shown(find(rows, dataset, "splits", case, f"drawn, same {level}", splits.USUAL))

    clean = [find(rows, dataset, "splits", splits.OURS, f"in range, same {level}") for level in LEVELS]
    human = splits.expected_share(HUMAN_GOALS, splits.USUAL)
    return wrapped(f"""**Test goals are trained on.** In a widely used set-up, verl-agent's since June 2025, every
        training group and every validation worker seeds prices, goals and their order with a seed of its own. The first
        {splits.TEST} goals of each order are for testing, the others for training. Within one order the two are
        disjoint, as the code intends; but most test goals of one worker are training goals of another. With the
        published script ({splits.USUAL} groups, {splits.ITERATIONS} iterations) on `{dataset}`,
        {drawn(splits.OWN, "goal")} of the test goals have been trained on at the end with the same product and options,
        {drawn(splits.OWN, "text")} with the same instruction to the letter, and {drawn(splits.OWN, "product")} with the
        same product. This was reported before us ([issue 262]({_FORGE}/issues/262),
        [pull request 263]({_FORGE}/pull/263),
        [ARL-Arena issue 7](https://github.com/WillDreamer/ARL-Arena/issues/7)). One order for all, as proposed there,
        ends it for goals: {drawn(splits.ONE, "goal")} is left, goals that the data hold twice. It leaves the products,
        {drawn(splits.ONE, "product")}, because one product has up to hundreds of goals. WebShop's own baselines do not
        have this leak: they shuffle once with a fixed seed and cut by index, with all 1.18 million products; with
        fewer, every split is every goal. The full data were not measured; for their {HUMAN_GOALS:,} human goals, if no
        two are the same, the expectation under own orders is {100 * human:.1f} %. The splits of this package are cut by
        product: {round(max(row.estimate * row.n for row in clean))} of {clean[0].n} test tasks share an instruction, a
        goal or a product with training.""")


def _pages(rows: Sequence[Row], dataset: str) -> str:
    def of(part: str, case: str, measure: str) -> str:
        return shown(find(rows, dataset, part, case, measure))

    return wrapped(f"""**The same goal is not the same text, and a page is not a state.** The original draws prices and
        price limits before it seeds its generator. Two processes then agree on the order and on every goal's product
        and options, and disagree on {of("prices", prices.UNSEEDED, "same index, another text")} of the instructions, by
        their price limit. Seeding first cures that for one seed; with a seed per worker, an index names another goal in
        {of("prices", prices.OWN, "same index, another goal")} of cases from one worker to the next. The page shows
        neither the options chosen so far nor the search that led to it. Over episodes of four agents on one task,
        {of("pages", pages.ALL, "observations with several anchors")} of the observations stand for two or more anchors,
        situations that differ in what can be done or earned from there, and
        {of("pages", pages.ALL, "observations with several states")} for two or more states;
        {of("pages", pages.ALL, "steps there, several anchors")} of the steps are taken at an observation with several
        anchors. A method that groups steps by this text compares them as if they were one situation.""")


def _groups_table(rows: Sequence[Row], dataset: str) -> tuple[str, str]:
    columns = [*((splits.OWN, level) for level in LEVELS), (splits.ONE, "goal"), (splits.ONE, "product")]
    lines = [
        [
            str(groups),
            *(shown(find(rows, dataset, "splits", case, f"drawn, same {level}", groups)) for case, level in columns),
        ]
        for groups in splits.GROUPS
    ]
    head = ("training groups", "same instruction", "same goal", "same product", "one order: same goal", "same product")
    about = f"""Test goals of `{dataset}` trained on within {splits.ITERATIONS} iterations, under own orders and, in the
        last two columns, under one order (95 % intervals over {splits.RUNS} runs with unrelated seeds):"""
    return wrapped(about), table(head, lines)


def _datasets_table(rows: Sequence[Row], datasets: Sequence[str]) -> tuple[str, str]:
    wanted: list[tuple[str, str, str, str, int]] = [
        (f"trained on, {name}: {_SAME[level]}", "splits", case, f"drawn, same {level}", splits.USUAL)
        for case, name in _ORDERS.items()
        for level in LEVELS
    ]
    could = "could be trained on, own orders: same product and options"
    wanted.append((could, "splits", splits.OWN, "in range, same goal", splits.USUAL))
    wanted += [
        (f"in our training split: {_SAME[level]}", "splits", splits.OURS, f"in range, same {level}", 0)
        for level in LEVELS
    ]
    unseeded = {
        "prices before the seed: another text": "same index, another text",
        "prices before the seed: another limit, by products": "same product, another limit",
        "products with a price range": "products with a price range",
    }
    wanted += [(label, "prices", prices.UNSEEDED, measure, 0) for label, measure in unseeded.items()]
    lines = [
        [label, *(shown(find(rows, dataset, part, case, measure, groups)) for dataset in datasets)]
        for label, part, case, measure, groups in wanted
    ]
    return f"At {splits.USUAL} training groups:", table(("share", *datasets), lines)


def _pages_table(rows: Sequence[Row], dataset: str) -> tuple[str, str]:
    measures = [
        measure
        for key in ("anchor", "state")
        for measure in (f"observations with several {key}s", f"steps there, several {key}s")
    ]
    lines = [
        [agent, *(shown(find(rows, dataset, "pages", agent, measure)) for measure in measures)]
        for agent in ("random", "searcher", "oracle", pages.LOST, pages.ALL)
    ]
    head = ("agent", "observations with several anchors", "steps there", "with several states", "steps there")
    return f"Observations on `{dataset}` (all rows of both data sets: `leak.csv`):", table(head, lines)


def _method() -> str:
    return wrapped(f"""How it is counted. Training group *w* has the worker seed `seed + w`, validation worker *v* of
        {splits.VALIDATION_WORKERS} `seed + {splits.VALIDATION_OFFSET} + v`; an iteration draws one index per group
        without replacement from `RandomState(seed)`, and each is a goal trained on. The test goals are the first
        {splits.TEST} of every validation worker, all as likely. This was read in the copy of verl-agent that
        zhangyun04/verl-agent keeps, after its pull request 90 (29 June 2025), and in its WebShop script for GiGPO;
        earlier versions drew and shuffled in other ways, so what a paper's numbers rest on depends on its version.
        Goals and orders are the original's, checked against its digests. Counted is what is met in training: how far it
        raises a score is not measured, and a new instruction for a known product can be a fair question too. Prices:
        {prices.PAIRS} pairs of processes. Observations: {pages.TRIALS} episodes of each agent on each of the first
        {pages.TASKS} test tasks, compared within a task; the {pages.LOST} takes one to {pages.WANDER} random steps and
        then searches; intervals are over clusters of tasks.""")
