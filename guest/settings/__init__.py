"""The configuration document, from bytes to Settings:

text (bytes -> lines) -> lines (what stands in which) -> ConfigObj -> names (unknown ones), bent (values that would be cut),
schema with checks and network_checks (one value each) -> contradictions (values among each other) -> beside (the files it names)
-> conversion -> model. syntax, headings and nearest say what was meant, and are loaded only then.
"""
