"""Blocks of code in the pages of the documentation."""

import re


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)
