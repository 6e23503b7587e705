"""YAML for people and other programs: keys in the order given, texts of several lines as they are, the head that says
where it comes from.
"""

from __future__ import annotations

from typing import Any

import yaml

HEAD = "# Written by `prober render {target}` from {source}: change that, not this file.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True  # what is the same twice is written twice: other readers may know no anchors


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(value: Any, target: str, source: str) -> str:
    """``value`` as one document, with a head."""
    body = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=4096, allow_unicode=True)
    return HEAD.format(target=target, source=source) + body
