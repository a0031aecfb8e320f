"""Pages of HTML as tests read them."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "input", "wbr"}
NEED_NO_END = {"tr", "th", "td"}
"""Where the next begins, these have ended."""
APART = {"tr", "th", "td", "li", "p"}
"""What stands in a place of its own."""


class Parsed(HTMLParser):
    """A page's text and attributes; its tags must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.attributes, self.text, self.tags = [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.tags.append((tag, dict(attrs)))
        self.text += " " if tag in APART else ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in NEED_NO_END:
            self.open.pop()
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data
