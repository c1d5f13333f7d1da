"""The page's files: what of them could let a text of the run become a script."""

import re
from pathlib import Path

import pytest

import scr_live
from scr_live.events import EventKind

PAGE = Path(scr_live.__file__).parent / "sinks/web/page"
SCRIPTS = sorted(PAGE.glob("*.js"))
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc"
    r"|\beval\(|new Function|setTimeout\(\s*[\"'`]|javascript:"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_page_writes_text_and_never_markup(script):
    assert not MARKUP.search(script.read_text(encoding="utf-8"))


def test_the_page_holds_no_script_and_no_style_of_its_own_which_the_policy_would_refuse():
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?://", text)


def test_the_page_listens_to_every_kind_of_event():
    text = (PAGE / "server.js").read_text(encoding="utf-8")
    assert set(re.findall(r'"([a-z]+-[a-z-]+)"', text)) >= {str(kind) for kind in EventKind}


def test_every_test_that_the_account_of_attacks_names_is_there():
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    text = (PAGE.parent / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert len(named) > 30
    assert {name for name in named if f"def {name}(" not in tests} == set()
    for file in re.findall(r"`(test_\w+\.py)`", text):
        assert (Path(__file__).parent / file).is_file()
