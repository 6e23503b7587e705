"""What is known of a check, in one region and over all, and how a run or the passing of time changes it. Pure."""

from prober.state.flapping import Flips
from prober.state.quorum import Outlook, View, enough, needed, weigh
from prober.state.region import State, advance

__all__ = ["Flips", "Outlook", "State", "View", "advance", "enough", "needed", "weigh"]
