"""Pages in headless Chromium: charts are drawn, nothing of ours is refused, and all else is."""

import pytest
from support.browser import show
from support.pages import HOSTILE, page_of


def test_the_charts_are_drawn_and_hostile_text_does_nothing(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page_of(HOSTILE), encoding="utf-8")
    elements, console = show(path, tmp_path / "profile")
    assert console == []
    assert 'data-drawn="1"' in elements
    assert elements.count("<canvas") == 1
    assert "<img" not in elements


def test_a_script_that_is_not_ours_does_not_run(tmp_path):
    """The policy is in force: what would get past the escaping is refused by the browser."""
    path = tmp_path / "page.html"
    planted = "<script>document.title = 'taken over'</script>"
    path.write_text(page_of("plain").replace("</main>", planted + "</main>"), encoding="utf-8")
    elements, console = show(path, tmp_path / "profile")
    assert "<title>plain</title>" in elements
    assert len(console) == 1
    assert "Content Security Policy" in console[0]


@pytest.mark.parametrize("width", [390, 1240])
def test_nothing_is_wider_than_the_screen(tmp_path, width):
    path = tmp_path / "page.html"
    path.write_text(page_of("plain"), encoding="utf-8")
    frame = tmp_path / "frame.html"
    # A frame, because the browser's own window has a least width.
    frame.write_text(
        f'<iframe src="page.html" style="width:{width}px;height:2000px;border:0"></iframe><script>'
        'document.querySelector("iframe").onload = (event) => {'
        "const shown = event.target.contentDocument.documentElement;"
        "document.body.dataset.wide = shown.scrollWidth;};</script>",
        encoding="utf-8",
    )
    elements, _console = show(frame, tmp_path / "profile", "--allow-file-access-from-files")
    assert f'data-wide="{width}"' in elements
