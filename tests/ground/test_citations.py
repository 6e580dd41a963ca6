"""Citations: every key resolves, every recorded source exists, entries are well-formed BibTeX."""

import importlib
import pkgutil
import re

import pytest

import linmem
from linmem.citations import Source, bibliography, cite, cites, sources, sources_of


def public_objects():
    for info in pkgutil.walk_packages(linmem.__path__, "linmem."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == info.name and not name.startswith("_"):
                yield f"{info.name}.{name}", value


@pytest.mark.parametrize("key", sorted(sources()))
def test_entries_are_bibtex(key):
    entry = sources()[key].bibtex
    assert re.match(rf"@\w+\{{{key},\n", entry)
    assert entry.count("{") == entry.count("}")
    fields = re.findall(r"^  (\w+) = \{", entry, flags=re.MULTILINE)
    assert {"title", "author", "year"} <= set(fields)
    assert len(fields) == len(set(fields))
    assert "shorthand" not in fields
    assert sources()[key].name != key or key == "linmem"


def test_every_recorded_source_exists():
    recorded = [(name, key) for name, value in public_objects() for key, _ in sources_of(value)]
    assert recorded
    assert [entry for entry in recorded if entry[1] not in sources()] == []


def test_cite_collects_sources_once_and_linmem_last():
    @cites("li2021", "Theorem 4.1")
    @cites("li2021", "Section 4")
    def law(): ...

    text = cite(law)
    assert text.count("@inproceedings{li2021") == 1
    assert "% Theorem 4.1; Section 4" in text
    assert text.index("li2021") < text.index("@software{linmem")


def test_instances_and_methods_of_a_class_cite_its_sources():
    @cites("charles2018")
    class Network: ...

    assert sources_of(Network()) == sources_of(Network) == (("charles2018", ""),)


def test_subclasses_do_not_gain_from_each_other():
    @cites("charles2018")
    class Base: ...

    @cites("li2021")
    class Derived(Base): ...

    assert [key for key, _ in sources_of(Base)] == ["charles2018"]
    assert [key for key, _ in sources_of(Derived)] == ["li2021"]


def test_unknown_keys_suggest_the_nearest():
    with pytest.raises(ValueError, match="did you mean li2021"):
        cite("li2O21")
    with pytest.raises(ValueError, match="no source is recorded"):
        cite(object())


def test_sources_of_third_parties():
    book = Source("doe2030", "Doe (2030)", "@article{doe2030,\n  title = {Memory}\n}")
    assert "@article{doe2030" in bibliography([(book, "Theorem 1")])
    with pytest.raises(ValueError, match="a BibTeX entry that uses it"):
        Source("doe2030", "Doe (2030)", "Doe, Memory")
