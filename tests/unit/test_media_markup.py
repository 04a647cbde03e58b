"""Words in XML come out of a parser as they went in."""

import subprocess
from xml.etree import ElementTree as etree

from hypothesis import example, given
from hypothesis import strategies as st

from reelmill.media.fork_server import python
from reelmill.media.markup import attributes, text

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n", exclude_characters="￾￿"))


@given(WORDS, WORDS)
@example("a & b < c > \"d\" 'e'", "a\tb\nc \"d\" 'e' & <f>")
def test_what_is_written_is_read(words: str, value: str) -> None:
    [read] = etree.fromstring(f"<all><one {attributes({'a': value, 'n': 1})}>{text(words)}</one></all>")
    assert (read.text or "", read.attrib) == (words, {"a": value, "n": "1"})


def test_the_tool_that_writes_manifests_starts_without_a_client_of_http() -> None:
    *argv, run = python("reelmill.media.tools.manifests")
    told = run.replace("main()", "print({'http.client', 'ssl', 'urllib.request'} & set(sys.modules))")
    done = subprocess.run([*argv, told], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")
