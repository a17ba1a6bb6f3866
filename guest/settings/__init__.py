"""The configuration document, from bytes to Settings:

decoding (bytes -> lines) -> lines (what stands in which) -> ConfigObj -> unknown_names, bent (values that would be cut),
schema with checks and network_checks (one value each) -> contradictions (values among each other) -> beside (the files it names)
-> conversion -> model. syntax, headings and nearest say what was meant, and are loaded only then.
"""
