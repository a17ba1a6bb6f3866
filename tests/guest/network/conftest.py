"""The modules beside the tests (intents, readers) are theirs alone: no package, so they are found by path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
