"""PDDL problems: the facts of the start and which of the six goals is stated, read and written."""

from __future__ import annotations

import re

from envbench.envs.alfworld.game import Fact, Goal, Problem
from envbench.errors import DataCorrupt

_COMMENT = re.compile(r";[^\n]*")
_COST = re.compile(r"\(=\s*\([^()]*\)\s*[0-9.]+\s*\)")
_FACT = re.compile(r"\(([^()]*)\)")
_PROPERTIES = {
    "pick_clean_then_place_in_recep": ("cleanable", "isclean"),
    "pick_heat_then_place_in_recep": ("heatable", "ishot"),
    "pick_cool_then_place_in_recep": ("coolable", "iscool"),
}


def _placed(*lines: str) -> str:
    return f"(exists(?r - receptacle)(exists(?o - object)(and{''.join(sorted(lines))})))"


def _formulas() -> dict[str, str]:
    """Return for each task type its goal: canonical text, with `{o}` and `{t}` for the types."""
    placed = ("(objecttype ?o {o})", "(receptacletype ?r {t})", "(inreceptacle ?o ?r)")
    second = (
        "(exists(?o2 - object)(and(not(= ?o1 ?o2))(objecttype ?o2 {o})(receptacletype ?r {t})(inreceptacle ?o2 ?r)))"
    )
    first = "(objecttype ?o1 {o})(receptacletype ?r {t})(inreceptacle ?o1 ?r)"
    lamp = (
        "(objecttype ?ot {t})(toggleable ?ot)(istoggled ?ot)(receptacleatlocation ?r ?l)(atlocation ?a ?l)"
        "(inreceptacle ?ot ?r)"
    )
    texts = {
        "pick_and_place_simple": _placed(*placed),
        "look_at_obj_in_light": (
            f"(exists(?ot - object ?r - receptacle ?a - agent ?l - location)(and{lamp}))"
            "(exists(?o - object ?a - agent)(and(objecttype ?o {o})(holds ?a ?o)))"
        ),
        "pick_two_obj_and_place": f"(exists(?r - receptacle)(exists(?o1 - object)(and{first}{second})))",
    }
    for task_type, (able, done) in _PROPERTIES.items():
        texts[task_type] = _placed(*placed, f"({able} ?o)", f"({done} ?o)")
    return {task_type: f"(and{text})" for task_type, text in texts.items()}


def _pattern(text: str) -> re.Pattern[str]:
    """Return a pattern whose first `{o}` and `{t}` are groups and whose later ones repeat them."""
    parts: list[str] = []
    met: set[str] = set()
    for part in re.split(r"(\{[ot]\})", text):
        if part in ("{o}", "{t}"):
            name = part[1]
            parts.append(f"(?P={name})" if name in met else rf"(?P<{name}>[^()\s]+)")
            met.add(name)
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts))


_PLACED = re.compile(r"(\(exists\(\?r - receptacle\)\(exists\(\?o - object\)\(and)((?:\([^()]*\))+)(\)\)\))")
_FORMULAS = _formulas()
_GOALS = {task_type: _pattern(text) for task_type, text in _FORMULAS.items()}


def _canonical(text: str) -> str:
    """Return a formula on one line, without spaces beside brackets; facts about one placed object are sorted."""
    text = re.sub(r"\s*([()])\s*", r"\1", " ".join(text.split()))
    match = _PLACED.search(text)
    if match is None:
        return text
    facts = "".join(sorted(f"({fact})" for fact in _FACT.findall(match[2])))
    return text[: match.start()] + match[1] + facts + match[3] + text[match.end() :]


def parse_goal(text: str) -> Goal:
    """Return the goal of the formula after `(:goal`, up to the end of the problem.

    Raises:
        DataCorrupt: when it is none of the six.
    """
    canonical = _canonical(text)
    for task_type, pattern in _GOALS.items():
        match = pattern.match(canonical)
        if match is not None and canonical[match.end() :] == "))":
            return Goal(task_type, match["o"], match["t"])
    raise DataCorrupt(f"the goal is none of the six that ALFWorld has: {canonical[:120]}")


def parse_problem(text: str) -> Problem:
    """Return the facts and the goal of a PDDL problem; everything in lower case, as PDDL reads it.

    Raises:
        DataCorrupt: for what is no problem, or states another goal than the six.
    """
    text = text.lower()
    if ";" in text:
        text = _COMMENT.sub("", text)
    head, init, rest = text.partition("(:init")
    body, goal, formula = rest.partition("(:goal")
    if not init or not goal or "(:objects" not in head:
        raise DataCorrupt("the problem has no objects, start or goal")
    if "=" in body:
        body = _COST.sub("", body)
    facts: dict[Fact, None] = dict.fromkeys(tuple(fact.split()) for fact in _FACT.findall(body))
    if _FACT.sub("", body).strip() != ")" or () in facts:
        raise DataCorrupt("the start of the problem is no list of facts")
    return Problem(tuple(facts), parse_goal(formula))


_SORTS = {
    "receptacletype": ("receptacle", "rtype"),
    "objecttype": ("object", "otype"),
    "cancontain": ("rtype", "otype"),
    "atlocation": ("agent", "location"),
    "receptacleatlocation": ("receptacle", "location"),
    "objectatlocation": ("object", "location"),
    "inreceptacle": ("object", "receptacle"),
    "inreceptacleobject": ("object", "object"),
    "holds": ("agent", "object"),
    "openable": ("receptacle",),
    "opened": ("receptacle",),
}  # of the arguments; any other predicate is of an object
_NAMED_BY_DOMAIN = {
    **dict.fromkeys(("fridgetype", "microwavetype", "sinkbasintype"), "rtype"),
    **dict.fromkeys(("butterknifetype", "knifetype"), "otype"),
}


def write_problem(problem: Problem) -> str:
    """Return a problem as PDDL that `parse_problem` and the original's planner read."""
    sorts = dict(_NAMED_BY_DOMAIN)
    for name, *arguments in problem.facts:
        sorts |= zip(arguments, _SORTS.get(name, ("object",)), strict=True)
    goal = problem.goal
    formula = _FORMULAS[goal.task_type].replace("{o}", goal.object_type).replace("{t}", goal.target_type)
    objects = "\n".join(f"{id} - {sort}" for id, sort in sorted(sorts.items()))
    facts = "\n".join(f"({' '.join(fact)})" for fact in problem.facts)
    start = f"(:objects\n{objects})\n(:init\n{facts})"
    return f"(define (problem generated)\n(:domain alfred)\n{start}\n(:goal {formula}))\n"
