"""The journey behind every check of kind pytest."""

from typing import Any


async def run_tests(tests: Any) -> None:
    await tests.run()
