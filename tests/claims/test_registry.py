"""Discovery: what does not fit together is refused by a message that names the file."""

import sys

import pytest
from samples import HEADER, snippet

from linmem.citations import Source
from linmem.claims import Registry, RegistryError


def write(folder, name, *snippets):
    path = folder / f"{name}.py"
    path.write_text(HEADER + "".join(snippets))
    return path


def load(folder):
    return Registry.load([folder], installed=False)


def test_claims_are_found_below_a_folder_in_the_order_of_files(tmp_path):
    write(tmp_path, "b", snippet("toy/two"))
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", "a", snippet("toy/three"))
    write(tmp_path, "a", snippet("toy/one"))
    write(tmp_path, "_private", snippet("toy/hidden"))
    assert list(load(tmp_path).claims) == ["toy/one", "toy/two", "toy/three"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (snippet("toy/one", control=None), "toy/one has no control"),
        (snippet("toy/one", source="nobody1999"), "must be a key of linmem/sources.bib, got 'nobody1999'"),
        (snippet("toy/one", source="li2012"), "did you mean li20"),
        (snippet("toy/one", depends=["toy/two"]), "depends on the unknown claim 'toy/two'"),
        (snippet("toy/one", depends=["toy/one"]), "circle, got toy/one -> toy/one"),
        (
            snippet("toy/one", depends=["toy/two"])
            + snippet("toy/two", depends=["toy/three"])
            + snippet("toy/three", depends=["toy/one"]),
            "circle, got toy/one -> toy/two -> toy/three -> toy/one",
        ),
        (snippet("toy/one", kind="magical"), "kind of toy/one must be one of"),
        (snippet("toy/one", expected="maybe"), "expected of toy/one must be one of"),
        (snippet("Toy One"), "must read paper/name"),
        (snippet("toy/one", statement=" "), "needs a statement"),
        ("raise RuntimeError('broken file')\n", "could not be imported: RuntimeError: broken file"),
        ("def (:\n", "could not be imported: SyntaxError"),
    ],
)
def test_errors_name_the_file(tmp_path, text, message):
    path = write(tmp_path, "claims", text)
    with pytest.raises(RegistryError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_duplicate_ids_name_both_files(tmp_path):
    first, second = (write(tmp_path, name, snippet("toy/one")) for name in ("a", "b"))
    with pytest.raises(RegistryError, match="must be unique") as caught:
        load(tmp_path)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(RegistryError, match="existing file or folder"):
        load(tmp_path / "nowhere")


def test_unknown_id_suggests_the_nearest(tmp_path):
    write(tmp_path, "a", snippet("toy/plateau"))
    with pytest.raises(ValueError, match="did you mean toy/plateau"):
        load(tmp_path)["toy/plateu"]


def test_dependencies_come_first(tmp_path):
    write(
        tmp_path,
        "a",
        snippet("toy/top", depends=["toy/left", "toy/right"]),
        snippet("toy/left", depends=["toy/base"]),
        snippet("toy/right", depends=["toy/base"]),
        snippet("toy/base"),
        snippet("toy/other"),
    )
    order = [claim.id for claim in load(tmp_path).with_dependencies(["toy/top"])]
    assert order == ["toy/base", "toy/left", "toy/right", "toy/top"]


def test_third_parties_may_depend_on_claims_of_linmem_and_bring_sources(tmp_path):
    source = "Source('doe2030', 'Doe (2030)', '@article{doe2030, title={Memory}}')"
    text = snippet("doe2030/one", depends=["illium2022/constant-predictor"])
    text = text.replace("source='linmem'", f"source={source}")
    path = write(tmp_path, "a", "from linmem.citations import Source\n", text)
    registry = Registry.load([tmp_path])
    assert registry["doe2030/one"].book == Source("doe2030", "Doe (2030)", "@article{doe2030, title={Memory}}")
    assert [claim.id for claim in registry.below(path)] == ["doe2030/one"]


def test_entry_points_of_installed_packages(tmp_path, monkeypatch):
    write(tmp_path, "third_party_claims", snippet("toy/installed"))
    info = tmp_path / "third_party-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[linmem.claims]\nthird = third_party_claims\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert "toy/installed" in Registry.load().claims
        (info / "entry_points.txt").write_text("[linmem.claims]\nthird = third_party_missing\n")
        with pytest.raises(RegistryError, match=r"entry point linmem\.claims = 'third_party_missing'"):
            Registry.load()
    finally:
        sys.modules.pop("third_party_claims", None)
